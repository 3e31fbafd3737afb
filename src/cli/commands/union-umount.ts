import { separateDirectories } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const unionUmount: Command = command({
  args: 'MOUNTPOINT [MOUNTPOINT...]',
  description: ['What was written stays in the upper directory.'],
  flags: { lazy: { kind: 'boolean', short: 'l', description: 'Detach now, even while it is in use' } },
  complete: ['file'],
  async run({ args, flags }) {
    for (const target of args) separateDirectories(target, flags);
  },
});
