import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, randomHex } from '../std/index.ts';
import { isRunning, type ProcessIdentity, thisProcess } from './process-identity.ts';
import { ASIDE, lockState } from './state.ts';

/**
 * For a short program that uses an image without taking a lock (`strata run`): call it after writing the record that `roots` of a collection
 * reads (renamed into place; it need not be durable), and before relying on the image. Gives true where a collection ran at the same time and is
 * over now: look again whether what the record names is still there.
 *
 * Safe as in Dekker's algorithm, where each side writes before it reads. We write the record, then look for the marker; a collector writes the
 * marker, then reads the records. If we see no marker, ours was written before it, so that the collector sees the record and spares what it names. If
 * we see one, the collector may have missed the record: we wait for its lock, after which nothing of what it decided is still to come. A marker
 * whose process is dead decides nothing any more. The kernel orders the four steps, as each is a system call on the same file system.
 */
export async function announceUse({ root }: { readonly root: string }): Promise<boolean> {
  const collector = readMarker(root);
  if (!collector) return false;
  if (collector !== 'unknown' && (await isRunning(collector)) === false) return false;
  using _lock = await lockState(root, 'collection');
  await rm(markerPath(root), { force: true }); // under the lock nobody collects: it is a dead one's
  return true;
}

/** Tells {@link announceUse} that a collection begins; the caller holds the lock `collection` until it has disposed this. */
export async function markCollecting(root: string): Promise<AsyncDisposable> {
  const aside = join(root, `collecting${ASIDE}${randomHex(16)}`);
  try {
    await writeFile(aside, JSON.stringify(await thisProcess()), { mode: 0o600 });
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    await writeFile(aside, '', { mode: 0o600 }); // needs no block: a full disk is what collections are for
  }
  await rename(aside, markerPath(root));
  return {
    async [Symbol.asyncDispose]() {
      await rm(markerPath(root), { force: true });
    },
  };
}

function markerPath(root: string): string {
  return join(root, 'collecting');
}

function readMarker(root: string): ProcessIdentity | 'unknown' | undefined {
  let text: string;
  try {
    text = readFileSync(markerPath(root), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const { pid, start, namespace } = JSON.parse(text);
    if (Number.isSafeInteger(pid) && typeof start === 'string' && typeof namespace === 'string') {
      return { pid, start, namespace };
    }
  } catch {
    // A full disk or a power cut left it empty.
  }
  return 'unknown';
}
