import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';
import { runChore } from './chores.ts';
import { releaseImage } from './layer-mount.ts';

/** Trees of up to so many names are deleted where they are: less than a worker takes to start. */
const SMALL = 300;

/** Deletions that go on behind their caller, by state folder. */
const emptying = new Map<string, Promise<void>>();

export function trashOf(root: string): string {
  return join(root, 'trash');
}

/** Takes `path` away at once; its content goes now where that is little, else behind the caller's back: {@link trashEmptied} waits for it. */
export function discard(root: string, path: string): void {
  const trash = trashOf(root);
  let away = join(trash, randomBytes(8).toString('hex'));
  try {
    releaseImage(path);
    moveInto(trash, path, away);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return; // somebody else took it
    if (!isErrno(error, 'EXDEV')) throw error;
    away = path; // snapshots/ is a file system of its own
  }
  if (deleteSmall(away, { left: SMALL })) return;
  if (away === path) void track(path, () => runChore({ kind: 'delete', path }));
  else void emptyTrash(root);
}

/** Deletes what lies in the trash of a state folder, an interrupted deletion's rest included. Any number may do it at once. */
export function emptyTrash(root: string): Promise<void> {
  const trash = trashOf(root);
  return track(root, async () => {
    for (let names = listTrash(trash); names.length > 0; names = listTrash(trash)) {
      await runChore({ kind: 'empty', path: trash });
    }
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

function moveInto(trash: string, path: string, away: string): void {
  try {
    renameSync(path, away);
  } catch (error) {
    if (!isErrno(error, 'ENOENT') || !lstatSync(path, { throwIfNoEntry: false })) throw error;
    mkdirSync(trash, { recursive: true, mode: 0o700 });
    renameSync(path, away);
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

/** Deletes a tree of few names; false when the budget ran out or something resisted, and the rest is still there. */
function deleteSmall(path: string | Buffer, budget: { left: number }): boolean {
  try {
    return deleteWithin(typeof path === 'string' ? Buffer.from(path) : path, budget);
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
