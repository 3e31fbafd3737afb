import { exec as execIn, execInBackground } from '../../engine/index.ts';
import { expediteCgroups } from '../../runtime/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

export const exec: Command = command({
  args: 'CONTAINER COMMAND [ARG...]',
  interspersed: false,
  flags: {
    detach: { kind: 'boolean', short: 'd', description: 'Leave it running in the background' },
    env: {
      kind: 'list',
      short: 'e',
      metavar: 'NAME[=VALUE]',
      description: 'Set a variable; a name alone takes the value from here',
    },
    interactive: { kind: 'boolean', short: 'i', description: 'Keep standard input open' },
    privileged: { kind: 'boolean', description: 'Give it all capabilities' },
    tty: { kind: 'boolean', short: 't', description: 'Give it a terminal' },
    user: { kind: 'string', short: 'u', metavar: 'NAME|UID[:GROUP|GID]', description: 'User that it runs as' },
    workdir: { kind: 'string', short: 'w', metavar: 'PATH', description: 'Working directory' },
  },
  examples: ['exec -it web sh', 'exec -u nobody web id'],
  complete: ['running'],
  async run({ args, flags, io, signal, engine }) {
    expediteCgroups(); // first of all: the kernel works on it while we read
    const [name, ...commandLine] = args as [string, ...string[]];
    if (flags.tty && !flags.detach && !io.isTerminal.stdin)
      throw new EngineError('InvalidArgument', 'the input device is not a TTY');
    const env = flags.env.flatMap((entry) =>
      entry.includes('=') ? [entry] : io.env[entry] === undefined ? [] : [`${entry}=${io.env[entry]}`],
    );
    const options = {
      command: commandLine,
      env,
      privileged: flags.privileged,
      ...(flags.user !== undefined && { user: flags.user }),
      ...(flags.workdir !== undefined && { workingDir: flags.workdir }),
    };
    const opened = await engine();
    if (flags.detach) {
      await execInBackground(opened, name, options);
      return 0;
    }
    const { exitCode } = await execIn(opened, name, {
      ...options,
      tty: flags.tty,
      openStdin: flags.interactive,
      signal,
    });
    return exitCode;
  },
});
