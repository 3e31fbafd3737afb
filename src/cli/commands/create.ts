import { type Command, command } from '../command.ts';
import { containerFlags } from '../container-flags.ts';
import { makeContainer, makingFlags } from '../make-container.ts';

export const create: Command = command({
  args: 'IMAGE [COMMAND] [ARG...]',
  interspersed: false,
  failure: 125,
  flags: { ...containerFlags, ...makingFlags },
  complete: ['image'],
  async run(context) {
    context.print((await makeContainer(context)).id);
  },
});
