import { inspectImage, readImage, requireImage } from '../../image/index.ts';
import { formatPlatform, parsePlatform } from '../../oci/index.ts';
import { type Command, command } from '../command.ts';
import { printInspected } from '../print-inspected.ts';

export const imageInspect: Command = command({
  args: 'IMAGE [IMAGE...]',
  description: ['--remote asks the registry and stores nothing.'],
  flags: {
    format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' },
    platform: { kind: 'string', metavar: 'OS/ARCH', description: 'Show this platform of an index' },
    remote: { kind: 'boolean', description: 'Ask the registry instead of the store' },
  },
  complete: ['image'],
  async run(context) {
    const { flags, signal, engine } = context;
    const opened = await engine();
    const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
    return printInspected(context, flags.format, async (text) => {
      if (flags.remote) {
        const { inspectRemote } = await import('../../engine/index.ts');
        return inspectRemote(opened, text, { signal, ...(platform && { platform }) });
      }
      const { image, record } = await requireImage(opened.store, text);
      const chosen =
        platform && formatPlatform(platform) !== formatPlatform(image.config)
          ? await readImage(opened.store.content, record.descriptor, platform)
          : image;
      return inspectImage(opened.store, chosen, (await opened.snapshots()).driver);
    });
  },
});
