import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, randomHex } from '../std/index.ts';
import { namesIn } from './state.ts';

/** Removes a file or tree of the state folder: it is gone at once, and a crash leaves no half of it. What is not there is no error. */
export async function trash({ root }: { readonly root: string }, path: string): Promise<void> {
  const away = join(root, 'trash', randomHex(16));
  try {
    await moveAway(root, path, away);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  await rm(away, { recursive: true, force: true });
}

/** Removes what interrupted removals left. Others may be at it at the same time. */
export async function emptyTrash(root: string): Promise<void> {
  for await (const name of namesIn(join(root, 'trash'))) {
    await rm(join(root, 'trash', name), { recursive: true, force: true, maxRetries: 3 });
  }
}

async function moveAway(root: string, path: string, away: string): Promise<void> {
  try {
    await rename(path, away);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    await mkdir(join(root, 'trash'), { recursive: true, mode: 0o700 });
    await rename(path, away);
  }
}
