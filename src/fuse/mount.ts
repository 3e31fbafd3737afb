import { constants, openSync } from 'node:fs';
import { EngineError } from '../std/index.ts';
import { LARGEST_IO } from './protocol.ts';

const DEVICE = '/dev/fuse';

/** Opens /dev/fuse for one mount; close it when server and mount(2) have it. Unavailable where there is none. */
export function openFuse(): number {
  try {
    return openSync(DEVICE, constants.O_RDWR);
  } catch (cause) {
    throw new EngineError(
      'Unavailable',
      `can't open ${DEVICE}: ${cause instanceof Error ? cause.message : cause}; load the kernel's fuse module, or let this container have the device`,
      { cause },
    );
  }
}

/**
 * Options of mount(2) for the descriptor `fuse` of /dev/fuse as the mounting process has it: everybody may go in, and the kernel says who may do
 * what. linux Documentation/filesystems/fuse.rst.
 */
export function fuseOptions(fuse: number): string[] {
  const [user, group] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  return [
    `fd=${fuse}`,
    'subtype=overstrata', // for those who read the mount table
    'rootmode=40000',
    `user_id=${user}`,
    `group_id=${group}`,
    'allow_other',
    'default_permissions',
    `max_read=${LARGEST_IO}`,
  ];
}
