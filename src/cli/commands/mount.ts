import { ensureImage, mountImage, mountLazyImage } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { showTransfer } from '../progress.ts';

export const mount: Command = command({
  args: 'IMAGE DIR',
  description: [
    'Shows the files of an image in a directory, read-only, until umount. With --lazy the image need not be here: what is read is fetched then, the rest in the background, and what was fetched is kept. That needs an index of the image (strata image index); without one it is pulled first, as always.',
  ],
  examples: ['mount debian:12 /mnt', 'mount --lazy registry.example/app:1 /mnt'],
  flags: {
    lazy: { kind: 'boolean', description: 'Fetch what is read, instead of pulling the image' },
    trustIndex: { kind: 'boolean', description: 'Believe an index that was not made here' },
    insecureRegistry: {
      kind: 'list',
      metavar: 'HOST',
      description: 'Accept plain HTTP, or any certificate, from this registry',
    },
  },
  complete: ['image', 'file'],
  async run({ args, flags, io, warn, signal, engine }) {
    const [image, target] = args as [string, string];
    const opened = await engine({ insecureRegistries: flags.insecureRegistry });
    if (flags.lazy) {
      const reason = await mountLazyImage(opened, image, target, { trustIndex: flags.trustIndex, signal });
      if (reason === undefined) return;
      warn(`strata: ${image} can't be used before it is here: ${reason}`);
    }
    const follow = (job: Parameters<typeof showTransfer>[1]): Promise<unknown> =>
      showTransfer({ ...io, stdout: io.stderr }, job);
    await ensureImage(opened, image, { policy: 'missing', signal, follow });
    await mountImage(opened, image, target);
  },
});
