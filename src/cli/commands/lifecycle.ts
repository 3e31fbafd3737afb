import {
  kill as killContainer,
  pause as pauseContainer,
  rename as renameContainer,
  restart as restartContainer,
  stop as stopContainer,
  unpause as unpauseContainer,
  wait as waitForContainer,
} from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { eachArgument } from '../each-argument.ts';

const patience = {
  signal: { kind: 'string', short: 's', metavar: 'SIGNAL', description: 'Signal to send; the image’s STOPSIGNAL' },
  time: {
    kind: 'number',
    short: 't',
    aliases: ['timeout'],
    description: 'Seconds to wait before SIGKILL; -1 waits for ever',
  },
} as const;

const patienceOf = (flags: {
  readonly signal: string | undefined;
  readonly time: number | undefined;
}): { signal?: string; timeout?: number } => ({
  ...(flags.signal !== undefined && { signal: flags.signal }),
  ...(flags.time !== undefined && { timeout: flags.time }),
});

export const stop: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  flags: patience,
  complete: ['running'],
  async run(context) {
    const opened = await context.engine();
    return eachArgument(context, async (name) => {
      await stopContainer(opened, name, patienceOf(context.flags));
      context.print(name);
    });
  },
});

export const restart: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  flags: patience,
  complete: ['container'],
  async run(context) {
    const opened = await context.engine();
    return eachArgument(context, async (name) => {
      await restartContainer(opened, name, patienceOf(context.flags));
      context.print(name);
    });
  },
});

export const kill: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  flags: { signal: { kind: 'string', short: 's', default: 'KILL', metavar: 'SIGNAL', description: 'Signal to send' } },
  complete: ['running'],
  async run(context) {
    const opened = await context.engine();
    return eachArgument(context, async (name) => {
      await killContainer(opened, name, context.flags.signal);
      context.print(name);
    });
  },
});

export const pause: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  complete: ['running'],
  async run(context) {
    const opened = await context.engine();
    return eachArgument(context, async (name) => {
      await pauseContainer(opened, name);
      context.print(name);
    });
  },
});

export const unpause: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  complete: ['running'],
  async run(context) {
    const opened = await context.engine();
    return eachArgument(context, async (name) => {
      await unpauseContainer(opened, name);
      context.print(name);
    });
  },
});

export const wait: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  complete: ['running'],
  async run(context) {
    const opened = await context.engine();
    return eachArgument(context, async (name) =>
      context.print(String(await waitForContainer(opened, name, { signal: context.signal }))),
    );
  },
});
export const rename: Command = command({
  args: 'CONTAINER NEW_NAME',
  complete: ['container'],
  async run({ args, engine }) {
    const [name, to] = args as [string, string];
    await renameContainer(await engine(), name, to);
  },
});
