export type {
  ActiveSnapshot,
  LayerInput,
  Mount,
  SnapshotInfo,
  SnapshotKind,
  Snapshotter,
  SnapshotUsage,
} from './snapshotter.ts';
