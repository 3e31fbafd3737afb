import type { Change } from '../layer/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Snapshot } from './folder.ts';
import type { MountedAt } from './mount-table.ts';
import type { LayerInput, Mount, SnapshotUsage } from './snapshotter.ts';

/** A layer on its way into a folder. */
export interface Filling {
  /** An empty folder of the snapshot's own, in the driver's folder; it is renamed when it is whole. */
  readonly place: string;
  readonly layer: LayerInput;
  /** The chain that the layer stands on, its parent first, once that is there. Whoever can, starts without it. */
  readonly chain: () => Promise<readonly Digest[]>;
}

/**
 * What is particular to one way of storing trees. Names, keys, records, locks, staging, listing and removal are the same for all:
 * `snapshotterOf` adds them.
 */
export interface Driver {
  readonly name: string;
  /** Fills `place` with what the layer brings. `bottom` says that nothing below it shows. */
  unpack(filling: Filling): Promise<{ bottom: boolean }>;
  /** Makes the content of an active snapshot (or a view) on `chain` in the empty folder `place`. */
  prepare(place: string, chain: readonly Digest[], options: { view: boolean; volatile: boolean }): Promise<void>;
  mounts(snapshot: Snapshot): readonly Mount[];
  /** Mounts it; the caller holds its lock. */
  mount(snapshot: Snapshot, target: string): void;
  /** Mounts of it in this namespace, for when nobody holds its lock: what a killed process left. */
  leftovers(place: string): readonly MountedAt[];
  changes(snapshot: Snapshot): AsyncIterable<Change>;
  usage(snapshot: Snapshot): Promise<SnapshotUsage>;
  /** Comes before an active snapshot or a filled place becomes the committed `name`; may be called again for the same name. */
  publishing(name: Digest): void;
  /** Comes after the active snapshot became the committed one at `place`: drops what only mounting needed. */
  settled(place: string): void;
  /** Comes after the committed `name` was taken away. */
  removed(name: Digest): void;
}
