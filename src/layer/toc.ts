import type { Digest } from '../oci/index.ts';
import type { SparseRun } from '../tar/index.ts';

/** `whiteout` hides that name of every layer below. */
export type LayerNodeType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo' | 'whiteout';

/**
 * One name that a layer brings, with the layer's own symlinks and `..` in its ancestors resolved: `usr/bin/env`; the root is ''.
 * Every ancestor of an entry is an earlier entry of the same table, of type directory.
 */
export interface TocEntry {
  readonly path: string;
  readonly type: LayerNodeType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** A symlink's target text; for a hard link the path (as above) of the name that it shares an inode with. */
  readonly link?: string;
  /** A hard link whose other name is in a layer below. */
  readonly linksBelow?: true;
  readonly device?: { readonly major: number; readonly minor: number };
  readonly xattrs?: ReadonlyMap<string, Buffer>;
  /** Where the content lies in the uncompressed tar. */
  readonly data?: { readonly offset: number; readonly length: number; readonly sparse?: readonly SparseRun[] };
  /** A directory that hides everything below it in lower layers. */
  readonly opaque?: true;
  /** A directory that the layer names only as an ancestor: it takes its metadata from the layer below where that has it. */
  readonly implied?: true;
}

/** A layer's table of contents: the result of one pass over its tar, equal for every driver. */
export interface Toc {
  readonly diffID: Digest;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  readonly entries: readonly TocEntry[];
}

/** What one name of a tree did against the tree below it. */
export interface Change {
  readonly kind: 'add' | 'modify' | 'delete';
  /** Without a leading slash. */
  readonly path: string;
  /** Where the new content and metadata are read from; absent for `delete`. */
  readonly source?: string;
  /** A directory that replaces the one below with all that is in it. */
  readonly opaque?: true;
}
