import type { Roots } from './marks.ts';

/** Committed snapshots as a collection sees them. */
export interface SnapshotSweep {
  list(): AsyncIterable<{
    readonly name: string;
    readonly parent?: string;
    readonly kind: 'active' | 'view' | 'committed';
  }>;
  /** May throw Conflict for one that is in use: it then stays. */
  remove(name: string): Promise<void>;
  usage?(name: string): Promise<{ readonly bytes: number }>;
}

export type CollectEvent = {
  readonly kind: 'removed';
  readonly what: 'blob' | 'snapshot' | 'layer';
  readonly id: string;
  readonly bytes: number;
};

export interface CollectOptions {
  /** What containers, the build cache and the like hold: digests of manifests, indexes or configs, or chainIDs. Read anew for each collection. */
  roots?: Roots;
  snapshots?: SnapshotSweep;
  /** Says what would go, and removes nothing. */
  dryRun?: boolean;
  /** Milliseconds after which an ingest that nobody writes is removed; a day by default. */
  ingestAge?: number;
  signal?: AbortSignal;
  report?: (event: CollectEvent) => void;
}
