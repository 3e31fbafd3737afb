import { mkdir, rename, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { isErrno, syncFolder } from '../std/index.ts';
import { blobPath } from './state.ts';

/** Marks the file as used now; false where there is none. The caller holds the lock `content`. */
export async function touchFile(path: string): Promise<boolean> {
  const now = new Date();
  try {
    await utimes(path, now, now);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** The time that {@link touchFile} set, in milliseconds; a file's time on disk may lie a hair below what was asked for. */
export function touchedAt({ mtimeMs }: { mtimeMs: number }): number {
  return Math.round(mtimeMs);
}

/** Gives a finished file its place among the blobs. */
export async function renameDurably(root: string, from: string, digest: Digest): Promise<void> {
  await renameInto(root, from, digest);
  await syncFolder(dirname(blobPath(root, digest)));
}

/** The same, for callers that sync the folder themselves once they are through. */
export async function renameInto(root: string, from: string, digest: Digest): Promise<void> {
  const place = blobPath(root, digest);
  try {
    await rename(from, place);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    if ((await mkdir(dirname(place), { recursive: true, mode: 0o700 })) === undefined) throw error;
    await syncFolder(join(root, 'blobs'));
    await rename(from, place);
  }
}
