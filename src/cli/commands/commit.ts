import { commit as commitContainer } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const commit: Command = command({
  args: 'CONTAINER [REPOSITORY[:TAG]]',
  flags: {
    author: { kind: 'string', short: 'a', description: 'Author: "Ada Lovelace <ada@example.com>"' },
    change: {
      kind: 'list',
      short: 'c',
      metavar: 'INSTRUCTION',
      description: 'Apply a Dockerfile instruction to the image: CMD ["bash"]',
    },
    message: { kind: 'string', short: 'm', description: 'Commit message' },
    pause: { kind: 'boolean', short: 'p', default: true, description: 'Freeze the container meanwhile' },
  },
  complete: ['container', 'image'],
  async run({ args, flags, signal, print, engine }) {
    const [container, name] = args as [string, string?];
    const image = await commitContainer(await engine(), container, {
      changes: flags.change,
      pause: flags.pause,
      signal,
      ...(name !== undefined && { name }),
      ...(flags.author !== undefined && { author: flags.author }),
      ...(flags.message !== undefined && { message: flags.message }),
    });
    print(image.id);
  },
});
