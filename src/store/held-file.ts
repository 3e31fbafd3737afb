import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryFlock } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';

/**
 * Opens the file `path`, made where it is missing, and holds its flock until the handle closes; waits for whoever holds it. The file may be
 * renamed or removed by its holder: what is held here is always what the name means. Throws ENOENT where its folder is gone.
 */
export async function holdFile(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<FileHandle> {
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    signal?.throwIfAborted();
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    let held = false;
    try {
      held = tryFlock(file.fd, 'exclusive') && (await isStill(file, path));
      if (held) return file;
    } finally {
      if (!held) await file.close();
    }
    await sleep(pause, undefined, signal ? { signal } : {});
  }
}

/** {@link holdFile} without waiting and without making anything; undefined where there is no such file or somebody holds it. */
export async function tryHoldFile(path: string): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDWR);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  let held = false;
  try {
    held = tryFlock(file.fd, 'exclusive') && (await isStill(file, path));
  } finally {
    if (!held) await file.close();
  }
  return held ? file : undefined;
}

/** Whether `path` still names the open file: flock waits on inodes, not on names. */
async function isStill(file: FileHandle, path: string): Promise<boolean> {
  const mine = await file.stat({ bigint: true });
  try {
    const there = await stat(path, { bigint: true });
    return there.ino === mine.ino && there.dev === mine.dev;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
