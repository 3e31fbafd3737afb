import { encodeName } from '../std/index.ts';
import { type ChunkMap, chunkMapOf } from './chunks.ts';
import { sizeOfDirectory } from './dirents.ts';
import { CHUNK_INDEX, COMPACT_INODE, EXTENDED_INODE, INODE_SLOT, roundUp } from './format.ts';
import type { Directory, Tree } from './tree.ts';
import type { Xattrs } from './xattrs.ts';

/** What is the same for all of an image. */
export interface Form {
  /** Bytes of a block. */
  readonly block: number;
  /** The time of all compact inodes, which hold none themselves. */
  readonly epoch: bigint;
}

/** Where everything of an image goes. */
export interface Layout {
  /** All inodes in the order in which they are written. */
  readonly order: Uint32Array;
  /** Of each inode, in bytes from the image's start. */
  readonly positions: Float64Array;
  /** Whether the end of an inode's own content stands behind it. */
  readonly inlined: Uint8Array;
  /** First block of content of those that have whole ones, counted from the first of them all. */
  readonly blocks: ReadonlyMap<number, number>;
  /** Where the inodes end. */
  readonly end: number;
  readonly blockCount: number;
}

/** What an inode takes. */
export interface Shape {
  readonly extended: boolean;
  /** Bytes of the file, the link's target, the directory. */
  readonly size: number;
  readonly chunks?: ChunkMap;
}

const LIMIT_16 = 0xffff;

export function shapeOf({ entries, links, directories }: Tree, inode: number, { block, epoch }: Form): Shape {
  const entry = entries[inode] as (typeof entries)[number];
  const size =
    entry.type === 'directory'
      ? sizeOfDirectory(directories.get(inode) as Directory, block)
      : entry.type === 'symlink'
        ? encodeName(entry.link ?? '').length
        : entry.type === 'file'
          ? entry.size
          : 0;
  const compact =
    entry.mtime === epoch &&
    entry.uid <= LIMIT_16 &&
    entry.gid <= LIMIT_16 &&
    (links[inode] as number) <= LIMIT_16 &&
    size <= 0xffff_ffff;
  return { extended: !compact, size, ...(entry.type === 'file' && size > 0 && { chunks: chunkMapOf(entry, block) }) };
}

/** Gives everything its place: inodes by directory from `start` on, what does not fit behind them in blocks of its own. */
export function layOut(tree: Tree, xattrs: Xattrs, form: Form, start: number): Layout {
  const { block } = form;
  const count = tree.entries.length;
  const order = new Uint32Array(count);
  const positions = new Float64Array(count);
  const inlined = new Uint8Array(count);
  const blocks = new Map<number, number>();
  let at = start;
  let placed = 0;
  let blockCount = 0;

  const place = (inode: number): void => {
    if (positions[inode] !== 0) return; // another name of it came before
    const entry = tree.entries[inode] as (typeof tree.entries)[number];
    const { extended, size, chunks } = shapeOf(tree, inode, form);
    const own = (extended ? EXTENDED_INODE : COMPACT_INODE) + xattrs.of(entry).length;
    at = roundUp(at, INODE_SLOT);
    let length = own;
    if (chunks) length = roundUp(own, CHUNK_INDEX) + chunks.count * CHUNK_INDEX;
    else {
      const tail = size % block;
      const fitting = tail === 0 ? undefined : placeWithTail(at, { own, tail, block });
      if (fitting !== undefined) {
        at = fitting;
        inlined[inode] = 1;
        length += tail;
      }
      const whole = Math.floor(size / block) + (tail > 0 && fitting === undefined ? 1 : 0);
      if (whole > 0) blocks.set(inode, blockCount);
      blockCount += whole;
    }
    order[placed++] = inode;
    positions[inode] = at;
    at += length;
  };

  for (const directory of tree.order) {
    place(directory);
    for (const inode of (tree.directories.get(directory) as Directory).inodes) {
      if (!tree.directories.has(inode)) place(inode);
    }
  }
  return { order, positions, inlined, blocks, end: at, blockCount };
}

/** The next place from `at` on where a tail behind `own` bytes crosses no block's end, which the kernel refuses. */
function placeWithTail(
  at: number,
  { own, tail, block }: { own: number; tail: number; block: number },
): number | undefined {
  for (let place = at; place < at + block; place += INODE_SLOT) {
    if (((place + own) % block) + tail <= block) return place;
  }
  return undefined;
}
