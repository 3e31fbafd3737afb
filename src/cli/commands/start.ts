import { attach, kill, start as startContainer } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { eachArgument } from '../each-argument.ts';

export const start: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  flags: {
    attach: { kind: 'boolean', short: 'a', description: 'Attach to its output, and pass signals on' },
    detachKeys: { kind: 'string', default: 'ctrl-p,ctrl-q', metavar: 'KEYS', description: 'Keys that detach' },
    interactive: { kind: 'boolean', short: 'i', description: 'Attach standard input too' },
  },
  complete: ['container'],
  async run(context) {
    const { args, flags, takeSignals, print } = context;
    const opened = await context.engine();
    if (!flags.attach && !flags.interactive) {
      return eachArgument(context, async (name) => {
        await startContainer(opened, name);
        print(name);
      });
    }
    const [name, ...others] = args as [string, ...string[]];
    if (others.length > 0) throw new EngineError('InvalidArgument', 'only one container can be attached to');
    let attached: Promise<number | undefined> | undefined;
    using _signals = takeSignals(
      ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'],
      (signal) => void kill(opened, name, signal).catch(() => {}),
    );
    await startContainer(opened, name, {
      // attached before its process starts, so that nothing of what it says is missed
      async beforeStart() {
        attached = attach(opened, name, {
          detachKeys: flags.detachKeys,
          ...(!flags.interactive && { stdin: 'none' as const }),
        });
        attached.catch(() => {});
      },
    });
    return (await attached) ?? 0;
  },
});
