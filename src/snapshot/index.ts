export { checkSnapshots, type SnapshotFinding } from './check.ts';
export { mountServed, mountUnion, type ServedUnion, serveMount } from './fuse-server.ts';
export { type DamagedLayer, findDamagedLayers, removeDamagedLayer } from './layer-damage.ts';
export { measureTree } from './measure-tree.ts';
export { listMounts } from './mount-table.ts';
export { driversInUse, openSnapshotter } from './open.ts';
export { type ProbeResult, probeDrivers } from './probe.ts';
export { repairSnapshots } from './repair.ts';
export type {
  ActiveSnapshot,
  LayerInput,
  Mount,
  SnapshotInfo,
  SnapshotKind,
  Snapshotter,
  SnapshotUsage,
} from './snapshotter.ts';
export { emptyTrash } from './trash.ts';
export { inUserNamespace } from './user-namespace.ts';
