import { create, ensureImage } from '../engine/index.ts';
import { parsePlatform } from '../oci/index.ts';
import type { Container } from '../runtime/index.ts';
import type { CommandContext } from './command.ts';
import { type ContainerFlagValues, settingsOf } from './container-flags.ts';
import type { FlagValues } from './flags.ts';

/** Flags of `create` and `run` about the making itself, beside those of the container. */
export const makingFlags = {
  cidfile: { kind: 'string', metavar: 'FILE', description: 'Write its ID to a file' },
  quiet: { kind: 'boolean', short: 'q', description: 'Do not show a pull' },
} as const;

type Context = CommandContext<ContainerFlagValues & FlagValues<typeof makingFlags>>;

/** Makes the container that the arguments name, its image pulled where `--pull` wants that. `starting`: it is started next. */
export async function makeContainer(
  { args, flags, io, signal, engine }: Pick<Context, 'args' | 'flags' | 'io' | 'signal' | 'engine'>,
  more: { readonly starting?: boolean } = {},
): Promise<Container> {
  const [image, ...commandLine] = args as [string, ...string[]];
  const settings = await settingsOf(flags, commandLine, io.env);
  const opened = await engine();
  const found = await ensureImage(opened, image, {
    policy: flags.pull,
    signal,
    ...(flags.platform !== undefined && { platform: parsePlatform(flags.platform) }),
    async follow(job) {
      if (flags.quiet) return job.result;
      const { showTransfer } = await import('./progress.ts'); // a run of a local image needs nothing of it
      return showTransfer({ ...io, stdout: io.stderr }, job);
    },
  });
  const make = (): Promise<Container> => create(opened, image, { ...settings, ...more }, found);
  if (flags.cidfile === undefined) return make();
  const { withCidFile } = await import('./cid-file.ts');
  return withCidFile(flags.cidfile, make);
}
