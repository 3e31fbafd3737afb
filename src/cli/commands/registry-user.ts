import { listUsers, removeUser, setUser } from '../../registry/index.ts';
import { EngineError, readAll } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { askSecret } from '../prompt.ts';

export const registryUserAdd: Command = command({
  args: 'FILE USER',
  description: [
    'Adds a user to an htpasswd file, or gives them a new password. A registry that serves the file takes it up at once.',
  ],
  flags: { passwordStdin: { kind: 'boolean', description: 'Take the password from standard input' } },
  complete: ['file'],
  async run({ args, flags, io, signal }) {
    const [file, user] = args as [string, string];
    if (!flags.passwordStdin && !io.isTerminal.stdin)
      throw new EngineError('InvalidArgument', 'cannot ask for a password without a terminal: use --password-stdin');
    const password = flags.passwordStdin
      ? (await readAll(io.stdin, { limit: 65536, what: 'the password' })).toString('utf8').replace(/\r?\n$/, '')
      : await askSecret(io, `Password for ${user}: `, signal);
    if (password === '') throw new EngineError('InvalidArgument', `${user} needs a password that is not empty`);
    await setUser(file, user, password);
  },
});

export const registryUserRemove: Command = command({
  args: 'FILE USER',
  complete: ['file'],
  async run({ args, print }) {
    const [file, user] = args as [string, string];
    if (!(await removeUser(file, user))) throw new EngineError('NotFound', `no user ${user} in ${file}`);
    print(user);
  },
});

export const registryUserList: Command = command({
  args: 'FILE',
  complete: ['file'],
  async run({ args, print }) {
    for (const user of await listUsers(args[0] as string)) print(user);
  },
});
