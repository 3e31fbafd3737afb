import { createLazy, type LazyContainer } from '../engine/index.ts';
import { EngineError } from '../std/index.ts';
import type { CommandContext } from './command.ts';
import { type ContainerFlagValues, settingsOf } from './container-flags.ts';
import type { FlagValues } from './flags.ts';
import type { makingFlags } from './make-container.ts';

/** Flags of `run` for an image that is not here. */
export const lazyFlags = {
  lazy: { kind: 'boolean', description: 'Start before the image is here: what is read is fetched; with --rm alone' },
  trustIndex: { kind: 'boolean', description: 'With --lazy: believe an index that was not made here' },
} as const;

interface Detaching {
  readonly detach: boolean;
}

type Context = CommandContext<
  ContainerFlagValues & FlagValues<typeof makingFlags> & FlagValues<typeof lazyFlags> & Detaching
>;

/** The container of `run --lazy`; undefined, with a word why, where its image has to be pulled first. */
export async function makeLazyContainer({
  args,
  flags,
  io,
  warn,
  signal,
  engine,
}: Pick<Context, 'args' | 'flags' | 'io' | 'warn' | 'signal' | 'engine'>): Promise<LazyContainer | undefined> {
  if (!flags.rm || flags.detach || flags.tty || flags.cidfile !== undefined || flags.platform !== undefined)
    throw new EngineError(
      'InvalidArgument',
      'run --lazy is for containers that go with their run: give --rm, and none of -d, -t, --cidfile, --platform',
    );
  const [image, ...commandLine] = args as [string, ...string[]];
  const settings = await settingsOf(flags, commandLine, io.env);
  const made = await createLazy(await engine(), image, settings, { trustIndex: flags.trustIndex, signal });
  if (!('reason' in made)) return made;
  warn(`strata: ${image} can't start before it is here: ${made.reason}`);
  return undefined;
}
