import { create as createContainer, ensureImage } from '../../engine/index.ts';
import { parsePlatform } from '../../oci/index.ts';
import type { Container } from '../../runtime/index.ts';
import { type Command, command } from '../command.ts';
import { containerFlags, settingsOf } from '../container-flags.ts';
import { showTransfer } from '../progress.ts';

export const create: Command = command({
  args: 'IMAGE [COMMAND] [ARG...]',
  interspersed: false,
  failure: 125,
  flags: {
    ...containerFlags,
    cidfile: { kind: 'string', metavar: 'FILE', description: 'Write its ID to a file' },
    quiet: { kind: 'boolean', short: 'q', description: 'Do not show a pull' },
  },
  complete: ['image'],
  async run({ args, flags, io, signal, print, engine }) {
    const [image, ...commandLine] = args as [string, ...string[]];
    const settings = await settingsOf(flags, commandLine, io.env);
    const opened = await engine();
    await ensureImage(opened, image, {
      policy: flags.pull,
      signal,
      ...(flags.platform !== undefined && { platform: parsePlatform(flags.platform) }),
      follow: (job) => (flags.quiet ? job.result : showTransfer({ ...io, stdout: io.stderr }, job)),
    });
    const make = (): Promise<Container> => createContainer(opened, image, settings);
    const { id } =
      flags.cidfile === undefined
        ? await make()
        : await (await import('../cid-file.ts')).withCidFile(flags.cidfile, make);
    print(id);
  },
});
