import { unmountImage } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const umount: Command = command({
  args: 'DIR [DIR...]',
  description: ['Ends what mount made. What a lazy mount has fetched is kept for the next one.'],
  flags: { lazy: { kind: 'boolean', short: 'l', description: 'Detach now, even while it is in use' } },
  complete: ['file'],
  async run({ args, flags, engine }) {
    for (const target of args) await unmountImage(await engine(), target, flags);
  },
});
