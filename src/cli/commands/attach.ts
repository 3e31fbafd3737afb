import { attach as attachTo, kill } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

/** Signals that a person sends to a program in the foreground. */
const PROXIED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

export const attach: Command = command({
  args: 'CONTAINER',
  flags: {
    detachKeys: { kind: 'string', default: 'ctrl-p,ctrl-q', metavar: 'KEYS', description: 'Keys that detach' },
    noStdin: { kind: 'boolean', description: 'Do not attach standard input' },
    sigProxy: { kind: 'boolean', default: true, description: 'Pass signals on to it' },
  },
  complete: ['running'],
  async run({ args, flags, takeSignals, engine }) {
    const [name] = args as [string];
    const opened = await engine();
    using _signals = flags.sigProxy
      ? takeSignals(PROXIED, (signal) => void kill(opened, name, signal).catch(() => {}))
      : undefined;
    return (
      (await attachTo(opened, name, {
        detachKeys: flags.detachKeys,
        ...(flags.noStdin && { stdin: 'none' as const }),
      })) ?? 0
    );
  },
});
