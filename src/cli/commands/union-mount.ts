import { uniteDirectories } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const unionMount: Command = command({
  args: 'LOWER [LOWER...] MOUNTPOINT',
  description: [
    'Shows directories as one tree, the first lying on top: several disks under one, or a read-only medium with a writable branch. Changes go to the upper directory; without one the union is read-only. Nobody may change the directories meanwhile.',
  ],
  examples: ['union mount /disk1 /disk2 /all', 'union mount --upper /run/changes /media/cdrom /live'],
  flags: {
    upper: {
      kind: 'string',
      metavar: 'DIR',
      description: 'Where changes go; made if it is not there',
      complete: 'file',
    },
    work: {
      kind: 'string',
      metavar: 'DIR',
      description: 'An empty folder of the same file system; beside the upper if absent',
      complete: 'file',
    },
    driver: {
      kind: 'string',
      choices: ['overlay', 'fuse'],
      default: 'overlay',
      description: 'The kernel’s overlay, or our own server',
    },
  },
  complete: ['file'],
  async run({ args, flags }) {
    const lowers = args.slice(0, -1);
    uniteDirectories(args.at(-1) as string, { lowers, upper: flags.upper, work: flags.work, driver: flags.driver });
  },
});
