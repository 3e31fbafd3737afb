import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { releaseVolume } from './volume.ts';

const ATTEMPTS = 5;

/**
 * Deletes a tree, blocking its thread: Node's own recursive rmSync is one native walk, which knows names of any bytes and follows
 * no link. What a snapshot's folder holds beside files goes first. Others may delete the same tree meanwhile.
 */
export function deleteTree(path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      releaseVolume(path);
      rmSync(path, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error; // else somebody else's deletion may have come between
    }
  }
}

/** Deletes everything in a folder, each tree even where another resists; throws what the last one resisted with. */
export function emptyFolder(path: string): void {
  let failure: unknown;
  for (const name of readdirSync(path)) {
    try {
      deleteTree(join(path, name));
    } catch (error) {
      if (lstatSync(join(path, name), { throwIfNoEntry: false })) failure = error;
    }
  }
  if (failure) throw failure;
}
