import { importImage } from '../../engine/index.ts';
import { parsePlatform } from '../../oci/index.ts';
import { type Command, command } from '../command.ts';

export const importCommand: Command = command({
  args: 'FILE|URL|DIRECTORY|- [REPOSITORY[:TAG]]',
  description: [
    'The tar of a root file system, compressed or not, becomes an image of one layer. A directory is packed first.',
  ],
  flags: {
    change: {
      kind: 'list',
      short: 'c',
      metavar: 'INSTRUCTION',
      description: 'Apply a Dockerfile instruction to the image: CMD ["bash"]',
    },
    message: { kind: 'string', short: 'm', description: 'Set the commit message' },
    platform: { kind: 'string', metavar: 'OS/ARCH', description: 'Say what platform the files are for' },
  },
  complete: ['file', 'image'],
  async run({ args, flags, io, signal, print, engine }) {
    const [from, name] = args as [string, string?];
    const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
    await using job = importImage(await engine(), from === '-' ? io.stdin : from, {
      signal,
      changes: flags.change,
      ...(name !== undefined && { name }),
      ...(flags.message !== undefined && { message: flags.message }),
      ...(platform && { platform }),
    });
    print((await job.result).id);
  },
});
