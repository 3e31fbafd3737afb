import { login as logIn } from '../../engine/index.ts';
import { DEFAULT_REGISTRY } from '../../oci/index.ts';
import { EngineError, readAll } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { engineOptionsOf } from '../engine-options.ts';
import { askLine, askSecret } from '../prompt.ts';

export const login: Command = command({
  args: '[SERVER]',
  flags: {
    password: { kind: 'string', short: 'p', description: 'Password (others may see it: better --password-stdin)' },
    passwordStdin: { kind: 'boolean', description: 'Take the password from standard input' },
    username: { kind: 'string', short: 'u', description: 'User name' },
    insecureRegistry: {
      kind: 'list',
      metavar: 'HOST',
      description: 'Accept plain HTTP, or any certificate, from this registry',
    },
  },
  async run({ args, flags, globals, io, signal, print, warn }) {
    const registry = args[0] ?? DEFAULT_REGISTRY;
    if (flags.password !== undefined && flags.passwordStdin)
      throw new EngineError('InvalidArgument', '--password and --password-stdin are mutually exclusive');
    if (flags.passwordStdin && flags.username === undefined)
      throw new EngineError('InvalidArgument', 'must provide --username with --password-stdin');
    if (flags.password !== undefined) warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    if (!flags.passwordStdin && flags.password === undefined && !io.isTerminal.stdin) {
      throw new EngineError('InvalidArgument', 'cannot ask for a password without a terminal: use --password-stdin');
    }
    const username = flags.username ?? (await askLine(io, 'Username: ', signal));
    const password = flags.passwordStdin
      ? (await readAll(io.stdin, { limit: 65536, what: 'the password' })).toString('utf8').replace(/\r?\n$/, '')
      : (flags.password ?? (await askSecret(io, 'Password: ', signal)));
    await logIn(engineOptionsOf(globals, flags), registry, { username, password });
    print('Login Succeeded');
  },
});
