import type { Change } from '../layer/index.ts';
import type { Digest } from '../oci/index.ts';
import type { GrowingFile } from '../std/index.ts';

export interface Mount {
  readonly type: 'bind' | 'overlay' | 'erofs' | 'fuse' | 'zfs';
  readonly source: string;
  /** As mount(8) takes them after `-o`; overlay's name folders relative to {@link cwd}, so that 128 layers fit into one page. */
  readonly options: readonly string[];
  /** The working directory that the mount must be made from, where relative paths stand in the options. */
  readonly cwd?: string;
  /** Of type `fuse`: the command that serves it; `serveMount` starts it and gives the /dev/fuse that belongs to it. */
  readonly server?: readonly string[];
  /** Of type `fuse`: where its changes go, for another server over other layers. */
  readonly upper?: { readonly path: string; readonly work: string };
}

export type SnapshotKind = 'active' | 'view' | 'committed';

export interface SnapshotInfo {
  /** The chainID of a committed snapshot, the caller's key of an active one or a view. */
  readonly name: string;
  readonly kind: SnapshotKind;
  readonly parent?: Digest;
  readonly created: Date;
}

/** Disk space that is a snapshot's own, without its parents. */
export interface SnapshotUsage {
  readonly bytes: number;
  readonly inodes: number;
}

/** A layer to be unpacked. */
export interface LayerInput {
  readonly parent?: Digest;
  /** The blob, compressed or not; it may still be growing. */
  readonly blob: GrowingFile;
  /** What the uncompressed tar must hash to. */
  readonly diffID: Digest;
  /** File to write the layer's TOC to, made by write aside and rename. */
  readonly toc?: string;
  readonly signal?: AbortSignal;
  /** Hears of the blob's bytes as they are taken in. */
  readonly report?: (bytes: number) => void;
}

/** A writable view (or a read-only one) that lives until `commit` names it or `remove` of the snapshotter drops it, whoever opened it. */
export interface ActiveSnapshot {
  readonly key: string;
  readonly kind: 'active' | 'view';
  readonly parent?: Digest;
  /**
   * What mount(2) needs, for callers that mount in a namespace of their own. They hold {@link lockPath} meanwhile.
   * Unavailable where the machine stopped before the layers below were safe on disk: unpack them again first.
   */
  readonly mounts: readonly Mount[];
  /**
   * A file to flock exclusively (`flock -n`, or a descriptor that the mounting child inherits) for as long as the snapshot is
   * mounted elsewhere than by {@link mount}. The kernel frees it with the last copy of the descriptor, so that nothing outlives a kill.
   */
  readonly lockPath: string;
  /** Mounts it at `target` under its lock, Conflict where it is mounted already; disposing unmounts and keeps the changes. */
  mount(target: string): Promise<AsyncDisposable>;
  /** What it holds against its parent, in an order that a tar can be written in: directories before what is in them. Works mounted or not. */
  changes(): AsyncIterable<Change>;
  /** Names what it holds; it is then read-only and no longer active. A view gives Conflict; a taken name AlreadyExists. */
  commit(name: Digest): Promise<void>;
}

/** Stores directory trees as chains of copy-on-write snapshots, shared by any number of processes. Nothing is known in memory alone. */
export interface Snapshotter extends AsyncDisposable {
  readonly driver: string;
  /** Makes the committed snapshot `name` from a layer. Layers of one image may unpack at once and in any order; each becomes visible when its parent is. At most one unpacks `name` at a time, across processes; a second caller waits and finds it. */
  unpack(name: Digest, layer: LayerInput): Promise<void>;
  has(name: Digest): Promise<boolean>;
  /**
   * NotFound for an unknown parent, AlreadyExists for a taken key. Keys are of letters, digits, `_`, `.` and `-`, not led by a dot.
   * A `volatile` one does without every fsync: for what a stop of the machine may take with it.
   */
  prepare(key: string, parent?: Digest, options?: { volatile?: boolean }): Promise<ActiveSnapshot>;
  view(key: string, parent: Digest): Promise<ActiveSnapshot>;
  /** NotFound where there is none. */
  open(key: string): Promise<ActiveSnapshot>;
  stat(name: Digest | string): Promise<SnapshotInfo | undefined>;
  usage(name: Digest | string): Promise<SnapshotUsage>;
  walk(): AsyncIterable<SnapshotInfo>;
  /**
   * Conflict where it has children or is mounted; removing what is not there is no error. `idle` says that the caller had it mounted last, and
   * that nobody can find it any more: it is not looked for a mount then, which costs a short run a tenth of its time.
   */
  remove(name: Digest | string, options?: { readonly idle?: boolean }): Promise<void>;
  /** Makes what was unpacked or committed since the machine started safe against its stop: one syncfs. Callers run it behind their answer. */
  sync(): Promise<void>;
}
