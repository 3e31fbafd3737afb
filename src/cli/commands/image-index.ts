import { indexImage, indexRemoteImage } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { formatSize } from '../humanize.ts';

export const imageIndex: Command = command({
  args: 'IMAGE',
  description: [
    'Makes what mount --lazy and run --lazy need: each layer’s table of contents, and places in its compressed stream where reading can begin. It is kept beside the image as an artifact that refers to it, and push sends it along.',
    'With --push the image is taken as its registry has it, and the index is stored there at once.',
  ],
  examples: ['image index debian:12', 'image index --push registry.example/app:1'],
  flags: {
    push: { kind: 'boolean', description: 'Index what the registry has, and store the index there' },
    insecureRegistry: {
      kind: 'list',
      metavar: 'HOST',
      description: 'Accept plain HTTP, or any certificate, from this registry',
    },
    quiet: { kind: 'boolean', short: 'q', description: 'Only print the digest of the index' },
  },
  complete: ['image'],
  async run({ args, flags, print, signal, engine }) {
    const opened = await engine({ insecureRegistries: flags.insecureRegistry });
    const make = flags.push ? indexRemoteImage : indexImage;
    const { index, image, size } = await make(opened, args[0] as string, { signal });
    print(flags.quiet ? index : `index ${index} of image ${image}, ${formatSize(size, 3)}`);
  },
});
