import { readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';

/** How much of `ingests/<id>/data` is known to be on the disk itself. */
interface Progress {
  readonly synced: number;
  /** The boot in which that was written: in the same one the page cache still has the rest, too. */
  readonly boot: string;
}

/** How many of the file's `size` bytes can be trusted to be what was written. */
export async function resumableBytes(folder: string, size: number): Promise<number> {
  const progress = await readProgress(folder);
  if (!progress) return 0;
  return progress.boot === (await bootID()) ? size : Math.min(size, progress.synced);
}

/** Records in `offset` that the first `synced` bytes are on the disk. Not durable itself: without it, or with half of it, less is taken up. */
export async function writeProgress(folder: string, synced: number): Promise<void> {
  const progress: Progress = { synced, boot: await bootID() };
  await writeFile(join(folder, 'offset'), JSON.stringify(progress), { mode: 0o600 });
}

/** Forgets an ingest whose `data` the caller holds. The data goes last, so that a folder without it is nobody's. */
export async function removeIngest(folder: string): Promise<void> {
  await removeNotes(folder);
  await rm(join(folder, 'data'), { force: true });
  await removeIngestFolder(folder);
}

/** Removes what is beside `data`, while the caller still holds it. */
export async function removeNotes(folder: string): Promise<void> {
  for (const name of ['reference', 'offset']) await rm(join(folder, name), { force: true });
}

/** Removes the folder unless the next writer has begun in it. */
export async function removeIngestFolder(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

async function readProgress(folder: string): Promise<Progress | undefined> {
  try {
    const { synced, boot } = JSON.parse(await readFile(join(folder, 'offset'), 'utf8'));
    return Number.isSafeInteger(synced) && synced >= 0 && typeof boot === 'string' ? { synced, boot } : undefined;
  } catch {
    return undefined; // without it nothing is taken up, which costs time and no more
  }
}

let boot: Promise<string> | undefined;

/** random(4), "/proc/sys/kernel/random/boot_id"; where there is none, no two runs count as the same boot. */
function bootID(): Promise<string> {
  boot ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => `${process.pid}.${performance.timeOrigin}`,
  );
  return boot;
}
