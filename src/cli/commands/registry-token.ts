import { createRobot, listRobots, removeRobot, robotUser } from '../../registry/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { formatAge, formatDuration } from '../humanize.ts';
import { alignTabs } from '../table.ts';

const ACTIONS = ['pull', 'push', 'delete', 'list'] as const;

export const registryTokenCreate: Command = command({
  args: 'FILE NAME',
  description: [
    'Makes a robot: a name and a token for a program, which may do what the flags say and nothing else. The token is shown only now. A registry that serves the file (--robots) takes it up at once.',
  ],
  flags: {
    action: {
      kind: 'list',
      separator: ',',
      metavar: 'ACTION',
      description: 'pull (if none is given), push, delete, list',
    },
    expires: { kind: 'duration', description: 'How long it is good for; for ever, if not given' },
    repository: { kind: 'list', metavar: 'PATTERN', description: 'Where it may: team/* or team/**' },
  },
  examples: ['registry token create robots ci --repository team/** --action pull,push --expires 720h'],
  complete: ['file'],
  async run({ args, flags, print, warn }) {
    const [file, name] = args as [string, string];
    const words = flags.action.length === 0 ? ['pull'] : flags.action;
    const actions = words.map((word) => {
      const action = ACTIONS.find((each) => each === word);
      if (!action) throw new EngineError('InvalidArgument', `--action ${word}: expected ${ACTIONS.join(', ')}`);
      return action;
    });
    if (flags.repository.length === 0)
      throw new EngineError(
        'InvalidArgument',
        `${name} may nothing yet: name repositories with --repository, such as team/**`,
      );
    const secret = await createRobot(file, name, {
      repositories: flags.repository,
      actions,
      ...(flags.expires !== undefined && { expires: Date.now() + flags.expires }),
    });
    warn(`Log in as ${robotUser(name)} with this token, which is not shown again:`);
    print(secret);
  },
});

export const registryTokenRemove: Command = command({
  args: 'FILE NAME',
  complete: ['file'],
  async run({ args, print }) {
    const [file, name] = args as [string, string];
    if (!(await removeRobot(file, name))) throw new EngineError('NotFound', `no robot ${name} in ${file}`);
    print(name);
  },
});

export const registryTokenList: Command = command({
  args: 'FILE',
  complete: ['file'],
  async run({ args, print }) {
    const now = Date.now();
    const rows = (await listRobots(args[0] as string)).map(({ name, repositories, actions, created, expires }) => [
      name,
      repositories.join(' '),
      actions.join(','),
      formatAge(new Date(created)),
      expires === undefined ? 'never' : expires <= now ? 'expired' : `in ${formatDuration(expires - now)}`,
    ]);
    const lines = [['NAME', 'REPOSITORIES', 'ACTIONS', 'CREATED', 'EXPIRES'], ...rows].map((row) => row.join('\t'));
    print(alignTabs(lines.join('\n')));
  },
});
