import { closeSync, fstatSync, lstatSync, openSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tryFlock } from '../linux/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import type { Snapshot } from './folder.ts';

/** Inode number of the first process namespace, where `/proc/locks` hides nothing: PROC_PID_INIT_INO, linux/proc_ns.h. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

/** The file that is flocked while a snapshot is mounted; it moves with its snapshot. */
export function lockPathOf(snapshot: Snapshot): string {
  return join(snapshot.path, 'lock');
}

/** Takes the mount lock, at once or never: Conflict where the snapshot is mounted, NotFound where it was removed meanwhile. */
export function claimMount(snapshot: Snapshot): Disposable {
  const path = lockPathOf(snapshot);
  const fd = openLock(path, snapshot.name);
  try {
    if (!tryFlock(fd, 'exclusive')) throw mounted(snapshot.name);
    // The remover takes the folder away and looks at the lock then; we lock and look at the folder then: one sees the other.
    if (fstatSync(fd).ino !== statSync(path, { throwIfNoEntry: false })?.ino)
      throw new EngineError('NotFound', `snapshot ${snapshot.name} was removed`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    [Symbol.dispose]() {
      closeSync(fd);
    },
  };
}

export function mounted(name: string): EngineError {
  return new EngineError('Conflict', `snapshot ${name} is mounted; unmount it or stop what runs in it first`);
}

/**
 * Whether somebody holds a mount lock. Reads `/proc/locks` first, without flock and what it takes to load it, because every short run
 * asks this; only where that may be about this file, or hides other namespaces' locks, is the lock itself tried.
 */
export function isLocked(path: string): boolean {
  const file = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (!file) return false;
  if (sawNoLock(file.ino)) return false;
  const fd = openSync(path, 'r');
  try {
    return !tryFlock(fd, 'exclusive');
  } finally {
    closeSync(fd);
  }
}

function sawNoLock(inode: bigint): boolean {
  try {
    if (readlinkSync('/proc/self/ns/pid') !== FIRST_PID_NAMESPACE) return false;
    // "5: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF": the device is not compared, as btrfs shows another one to stat(2).
    return !new RegExp(`\\bFLOCK .*:${inode} `).test(readFileSync('/proc/locks', 'latin1'));
  } catch {
    return false; // no /proc, no answer
  }
}

function openLock(path: string, name: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new EngineError('NotFound', `no snapshot ${name}`, { cause: error });
  }
}
