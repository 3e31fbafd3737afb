import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryFlock, unmount } from '../linux/index.ts';
import { EngineError, isErrno } from '../std/index.ts';

/** Beside a committed snapshot whose tree is no folder but an image that is mounted on `fs/`. */
const NOTE = 'image.json';

/** What is to be mounted, and how much it is. */
export interface ImageNote {
  /** The image is in the snapshot's own folder: it fits no other chain of layers. */
  readonly own: boolean;
  /** Whether the image has a second device. */
  readonly spilled: boolean;
  readonly inodes: number;
}

export function writeImageNote(place: string, note: ImageNote): void {
  writeFileSync(join(place, NOTE), JSON.stringify(note), { mode: 0o600 });
}

/** Undefined where the snapshot's tree is a folder. */
export function readImageNote(place: string): ImageNote | undefined {
  try {
    return JSON.parse(readFileSync(join(place, NOTE), 'utf8')) as ImageNote;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether something is mounted on the tree of a snapshot, as this mount namespace sees it. Without native code: every run asks this. */
export function isTreeMounted(place: string): boolean {
  const tree = statSync(join(place, 'fs'), { throwIfNoEntry: false });
  return tree !== undefined && tree.dev !== statSync(place).dev;
}

/**
 * Unmounts the image of a snapshot that goes. Overlays that stand on it keep what they need, and files that are open in it stay so; the kernel
 * frees it after the last of them.
 */
export function releaseImage(place: string): void {
  if (!existsSync(join(place, NOTE))) return;
  while (isTreeMounted(place)) unmount(join(place, 'fs'), { lazy: true });
}

/** How long (milliseconds) to wait for another process that mounts: it takes one. */
const PATIENCE = 10_000;

/** Holds a lock file during synchronous work that is always short, waiting with the thread. Nothing of this process can hold it meanwhile. */
export function lockBriefly(path: string): Disposable {
  const fd = openSync(path, 'a', 0o600);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = Date.now() + PATIENCE; !tryFlock(fd, 'exclusive'); ) {
    if (Date.now() > deadline) {
      closeSync(fd);
      throw new EngineError('Unavailable', `another process has held ${path} for ${PATIENCE / 1000} s`);
    }
    Atomics.wait(pause, 0, 0, 1);
  }
  return {
    [Symbol.dispose]() {
      closeSync(fd);
    },
  };
}
