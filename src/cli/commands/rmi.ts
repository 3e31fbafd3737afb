import { removeImage } from '../../engine/index.ts';
import { errorMessage } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

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
  async run({ args, flags, print, warn, engine }) {
    const opened = await engine();
    let failed = false;
    for (const text of args) {
      try {
        const { untagged, deleted } = await removeImage(opened, text, { force: flags.force });
        for (const name of untagged) print(`Untagged: ${name}`);
        for (const id of deleted) print(`Deleted: ${id}`);
      } catch (error) {
        failed = true;
        warn(`strata: ${errorMessage(error)}`); // the others still go
      }
    }
    return failed ? 1 : 0;
  },
});
