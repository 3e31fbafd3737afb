import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { releaseVolume } from './volume.ts';

const ATTEMPTS = 5;

/**
 * Deletes a tree, blocking its thread: Node's own recursive rmSync is one native walk, which knows names of any bytes and follows
 * no link. Others may delete the same tree meanwhile.
 */
export function deleteTree(path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error; // else somebody else's deletion may have come between
    }
  }
}

/** Deletes a snapshot's folder, after what it stands for beside its files. */
export function deletePlace(path: string): void {
  releaseVolume(path);
  deleteTree(path);
}

/**
 * Deletes everything in a folder by `remove`, each tree even where another resists; throws what the last one resisted with. What
 * resists is tried again for as long as something goes: a volume goes after those that were cloned from it.
 */
export function emptyFolder(path: string, remove: (path: string) => void = deleteTree): void {
  for (let left = Number.POSITIVE_INFINITY; ; ) {
    const names = readdirSync(path);
    let failure: unknown;
    for (const name of names) {
      try {
        remove(join(path, name));
      } catch (error) {
        if (lstatSync(join(path, name), { throwIfNoEntry: false })) failure = error;
      }
    }
    if (!failure) return;
    if (names.length >= left) throw failure;
    left = names.length;
  }
}
