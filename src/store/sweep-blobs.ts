import { stat, unlink } from 'node:fs/promises';
import type { Digest } from '../oci/index.ts';
import { isErrno } from '../std/index.ts';
import { touchedAt } from './blob-file.ts';
import type { CollectOptions } from './collect-options.ts';
import { isSpared, lookAgain, type Marks } from './marks.ts';
import { lockState } from './state.ts';
import type { Store } from './store.ts';

/** Blobs looked at in one turn of the exclusive lock: others who use blobs wait so long. */
const BATCH = 64;

/** Unlinks those of `candidates` that are still unreached and untouched, in their order. */
export async function sweepBlobs(
  store: Store,
  marks: Marks,
  candidates: readonly Digest[],
  { dryRun = false, signal, report }: CollectOptions,
): Promise<{ removed: Digest[]; bytes: number }> {
  const removed: Digest[] = [];
  let bytes = 0;
  for (let at = 0; at < candidates.length; at += BATCH) {
    signal?.throwIfAborted();
    using _lock = await lockState(store.root, 'content');
    const limits = await lookAgain(store, marks);
    for (const digest of candidates.slice(at, at + BATCH)) {
      if (marks.reach.blobs.has(digest)) continue;
      const path = store.content.path(digest);
      try {
        const found = await stat(path);
        if (isSpared(touchedAt(found), limits)) continue;
        if (!dryRun) await unlink(path);
        removed.push(digest);
        bytes += found.size;
        report?.({ kind: 'removed', what: 'blob', id: digest, bytes: found.size });
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
      }
    }
  }
  return { removed, bytes };
}
