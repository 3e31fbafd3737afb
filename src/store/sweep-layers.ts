import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../oci/index.ts';
import { isErrno } from '../std/index.ts';
import type { CollectOptions } from './collect-options.ts';
import { BY_BLOB } from './layer-records.ts';
import { lookAgain, type Marks } from './marks.ts';
import { digestOfFileName, lockState, namesIn } from './state.ts';
import type { Store } from './store.ts';
import { trash } from './trash.ts';

/**
 * Removes what was worked out about layers that no image has any more. None while a lease lives, nor while a snapshot stands on a stack of layers that
 * no known config describes: its files may be in use. `only` narrows it to some.
 */
export async function sweepLayers(
  store: Store,
  marks: Marks,
  only: ReadonlySet<Digest> | undefined,
  { snapshots, dryRun = false, signal, report }: CollectOptions,
): Promise<void> {
  if (snapshots) {
    for await (const { name, kind } of snapshots.list()) {
      if (kind === 'committed' && !marks.reach.chains.has(name as Digest)) return;
    }
  }
  for await (const diffID of store.layers.list()) {
    if (only && !only.has(diffID)) continue;
    signal?.throwIfAborted();
    using _records = await lockState(store.root, 'layers');
    using _lock = await lockState(store.root, 'content');
    const { leased } = await lookAgain(store, marks);
    if (leased || !marks.reach.chainsKnown) return;
    if (marks.reach.diffIDs.has(diffID)) continue;
    if (!dryRun) await trash(store, store.layers.folder(diffID));
    report?.({ kind: 'removed', what: 'layer', id: diffID, bytes: 0 });
  }
  if (!dryRun && !only) await sweepByBlob(store);
}

/** Records by blob go with their layer's. */
async function sweepByBlob(store: Store): Promise<void> {
  const folder = join(store.root, 'layers', BY_BLOB);
  for await (const name of namesIn(folder)) {
    const digest = digestOfFileName(name);
    if (!digest) continue;
    using _lock = await lockState(store.root, 'layers');
    const diffID = await store.layers.diffIDOf(digest);
    if (diffID && (await exists(store.layers.folder(diffID)))) continue;
    await trash(store, join(folder, name));
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
