import { tag as tagImage } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const tag: Command = command({
  args: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  complete: ['image', 'image'],
  async run({ args, engine }) {
    const [source, target] = args as [string, string];
    await tagImage(await engine(), source, target);
  },
});
