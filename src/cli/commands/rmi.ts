import { removeImage } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { eachArgument } from '../each-argument.ts';

export const rmi: Command = command({
  args: 'IMAGE [IMAGE...]',
  description: ['With its last name goes all of an image that no other image, container or running pull needs.'],
  flags: {
    force: {
      kind: 'boolean',
      short: 'f',
      description: 'Take all names away, and the name of an image that a stopped container was made from',
    },
    noPrune: { kind: 'boolean', description: 'Accepted for docker’s sake: there are no untagged parents' },
  },
  complete: ['image'],
  async run(context) {
    const { flags, print, engine } = context;
    const opened = await engine();
    return eachArgument(context, async (text) => {
      const { untagged, deleted } = await removeImage(opened, text, { force: flags.force });
      for (const name of untagged) print(`Untagged: ${name}`);
      for (const id of deleted) print(`Deleted: ${id}`);
    });
  },
});
