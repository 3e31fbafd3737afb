import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isErrno, randomHex } from '../std/index.ts';
import { runChore } from './chores.ts';
import { releaseImage } from './layer-mount.ts';
import { holdsVolume, releaseVolume } from './volume.ts';

/** Trees of up to so many names are deleted where they are: less than a worker takes to start. */
const SMALL = 300;

/** Deletions that go on behind their caller, by state folder. */
const emptying = new Map<string, Promise<void>>();

export function trashOf(root: string): string {
  return join(root, 'trash');
}

/** A driver's own trash: for what is more than files, or on a file system of its own. Only places of snapshots come here. */
const GRAVEYARD = '.trash';

/** The graveyards in a state folder. */
export function graveyardsOf(root: string): string[] {
  const snapshots = join(root, 'snapshots');
  return listTrash(snapshots)
    .map((driver) => join(snapshots, driver, GRAVEYARD))
    .filter((path) => existsSync(path));
}

/**
 * Takes the snapshot's folder `path` away at once; its content goes now where that is little, else behind the caller's back:
 * {@link trashEmptied} waits for it.
 */
export function discard(root: string, path: string): void {
  try {
    releaseImage(path);
    const volume = holdsVolume(path);
    const away =
      (volume && moveInto(graveyardOf(path), path)) ||
      moveInto(trashOf(root), path) ||
      moveInto(graveyardOf(path), path);
    if (away && !deleteSmall(away, { left: SMALL })) void emptyTrash(root);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error; // somebody else took it
  }
}

/** Deletes what lies in the trash of a state folder, an interrupted deletion's rest included. Any number may do it at once. */
export function emptyTrash(root: string): Promise<void> {
  return track(root, async () => {
    const failures: unknown[] = [];
    for (const place of [trashOf(root), ...graveyardsOf(root)]) {
      try {
        while (listTrash(place).length > 0)
          await runChore({ kind: place === trashOf(root) ? 'empty' : 'bury', path: place });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
}

/** Waits for the deletions that this process began. What could not be deleted stays in the trash and is found by `checkSnapshots`. */
export async function trashEmptied(): Promise<void> {
  await Promise.allSettled(emptying.values());
}

function track(key: string, work: () => Promise<void>): Promise<void> {
  const running = emptying.get(key);
  if (running !== undefined) return running;
  const promise = work().finally(() => emptying.delete(key));
  promise.catch(() => {}); // The failure belongs to whoever asked for an empty trash.
  emptying.set(key, promise);
  return promise;
}

function graveyardOf(path: string): string {
  return join(dirname(path), GRAVEYARD);
}

/** Where it lies now; undefined where that is another file system. */
function moveInto(trash: string, path: string): string | undefined {
  const away = join(trash, randomHex(8));
  for (let made = false; ; made = true) {
    try {
      renameSync(path, away);
      return away;
    } catch (error) {
      if (isErrno(error, 'EXDEV')) return undefined;
      if (made || !isErrno(error, 'ENOENT') || !lstatSync(path, { throwIfNoEntry: false })) throw error;
      mkdirSync(trash, { recursive: true, mode: 0o700 });
    }
  }
}

function listTrash(trash: string): string[] {
  try {
    return readdirSync(trash);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Deletes a snapshot's folder of few names; false when the budget ran out or something resisted, and the rest is still there. */
function deleteSmall(path: string, budget: { left: number }): boolean {
  try {
    if (basename(dirname(path)) === GRAVEYARD) releaseVolume(path);
    return deleteWithin(Buffer.from(path), budget);
  } catch {
    return false;
  }
}

function deleteWithin(path: Buffer, budget: { left: number }): boolean {
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
    if (budget.left-- <= 0) return false;
    const inside = Buffer.concat([path, Buffer.from('/'), entry.name]);
    if (!entry.isDirectory()) unlinkSync(inside);
    else if (!deleteWithin(inside, budget)) return false;
  }
  rmdirSync(path);
  return true;
}
