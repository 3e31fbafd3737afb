import type { Digest } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { markCollecting } from './announce.ts';
import type { CollectOptions } from './collect-options.ts';
import { startMarks } from './marks.ts';
import type { Reach } from './reach.ts';
import { lockState } from './state.ts';
import type { Store } from './store.ts';
import { sweepBlobs } from './sweep-blobs.ts';
import { sweepLayers } from './sweep-layers.ts';
import { sweepLeftovers } from './sweep-leftovers.ts';
import { sweepSnapshots } from './sweep-snapshots.ts';

export interface Collected {
  readonly removedBlobs: Digest[];
  readonly removedSnapshots: string[];
  /** Of blobs, and of snapshots whose usage is told. */
  readonly bytes: number;
}

/**
 * Removes what nothing needs: blobs, committed snapshots and layer records that no image, root, active snapshot or live lease reaches, and what crashed
 * programs left behind. It runs beside everything else; collectors wait for each other. DataLoss, with nothing removed, where a damaged
 * document hides what it names.
 */
export async function collectGarbage(store: Store, options: CollectOptions = {}): Promise<Collected> {
  return collecting(store, async (began) => {
    const { signal } = options;
    const marks = await startMarks(store, { began, ...(options.roots && { roots: options.roots }) });
    const candidates: Digest[] = [];
    for await (const { digest, modified } of store.content.list()) {
      signal?.throwIfAborted();
      if (!marks.reach.blobs.has(digest) && modified.getTime() < began) candidates.push(digest);
    }
    await keepReferrers(marks.reach, candidates);
    const blobs = await sweepBlobs(store, marks, candidates, options);
    const snapshots = await sweepSnapshots(store, marks, undefined, options);
    await sweepLayers(store, marks, undefined, options);
    if (!options.dryRun) await sweepLeftovers(store.root, options.ingestAge);
    return {
      removedBlobs: blobs.removed,
      removedSnapshots: snapshots.removed,
      bytes: blobs.bytes + snapshots.bytes,
    };
  });
}

/** Runs `work` as the one collector; `began` is a time after everything that was touched before. */
export async function collecting<Result>(
  { root }: { readonly root: string },
  work: (began: number) => Promise<Result>,
): Promise<Result> {
  using _lock = await lockState(root, 'collection');
  await using _marker = await markCollecting(root);
  return await work(await tick()); // not before it ends: both are let go on the way out
}

/** A millisecond that began after this was called, so that what was touched before has an earlier one. */
async function tick(): Promise<number> {
  const before = Date.now();
  while (Date.now() <= before) await new Promise(setImmediate);
  return Date.now();
}

/** A manifest whose subject stays is kept with it: signatures, attestations, artifacts. */
async function keepReferrers(reach: Reach, candidates: readonly Digest[]): Promise<void> {
  const waiting = new Map<Digest, Digest>();
  for (const digest of candidates) {
    try {
      const subject = await reach.subjectOf(digest);
      if (subject) waiting.set(digest, subject);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error; // damaged and unreferenced: waste
    }
  }
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const [digest, subject] of waiting) {
      if (!reach.blobs.has(subject)) continue;
      waiting.delete(digest);
      await reach.addUnknown(digest);
    }
  }
}
