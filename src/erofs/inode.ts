import { encodeName } from '../std/index.ts';
import { chunkFormat, encodeChunks } from './chunks.ts';
import { encodeDirectory, typeOnDisk } from './dirents.ts';
import type { ErofsEntry } from './entry.ts';
import { COMPACT_INODE, EXTENDED_INODE, INODE_SLOT, Layout as Kind, ModeType, roundUp } from './format.ts';
import { type Form, type Layout, type Shape, shapeOf } from './layout.ts';
import type { Directory, Tree } from './tree.ts';
import type { Xattrs } from './xattrs.ts';

/** What is needed to write an image's inodes, once everything has its place. */
export interface Placed {
  readonly tree: Tree;
  readonly xattrs: Xattrs;
  readonly form: Form;
  readonly layout: Layout;
  /** Where the blocks begin that {@link Layout.blocks} counts, in blocks. */
  readonly firstBlock: number;
}

const BILLION = 1_000_000_000n;

/** An inode with all that stands behind it. */
export function encodeInode(placed: Placed, inode: number): Buffer {
  const { tree, xattrs, layout } = placed;
  const { block } = placed.form;
  const entry = tree.entries[inode] as ErofsEntry;
  const shape = shapeOf(tree, inode, placed.form);
  const attributes = xattrs.of(entry);
  const own = shape.extended ? EXTENDED_INODE : COMPACT_INODE;
  const inlined = layout.inlined[inode] === 1;
  const behind = shape.chunks
    ? encodeChunks(entry, shape.chunks, block)
    : inlined
      ? contentOf(placed, inode).subarray(Math.floor(shape.size / block) * block)
      : undefined;
  const start = own + attributes.length;
  const behindAt = shape.chunks ? roundUp(start, 8) : start;
  const bytes = Buffer.alloc(behindAt + (behind?.length ?? 0));
  const kind = shape.chunks ? Kind.chunks : inlined ? Kind.inline : Kind.plain;
  bytes.writeUInt16LE((kind << 1) | (shape.extended ? 1 : 0), 0);
  bytes.writeUInt16LE(attributes.length === 0 ? 0 : (attributes.length - 12) / 4 + 1, 2);
  bytes.writeUInt16LE(ModeType[typeOnDisk(entry.type)] | entry.mode, 4);
  writeRest(bytes, { entry, shape, inode, links: tree.links[inode] as number, where: whereOf(placed, inode, shape) });
  attributes.copy(bytes, own);
  behind?.copy(bytes, behindAt);
  return bytes;
}

/** Content that is the image's own: a directory's names, a link's target. */
export function contentOf({ tree, layout, form }: Placed, inode: number): Buffer {
  const entry = tree.entries[inode] as ErofsEntry;
  if (entry.type === 'symlink') return encodeName(entry.link ?? '');
  return encodeDirectory(inode, tree.directories.get(inode) as Directory, {
    block: form.block,
    nidOf: (one) => nidOf(layout, one),
    typeOf: (one) => (tree.entries[one] as ErofsEntry).type,
  });
}

/** An inode's number is its place. */
export function nidOf({ positions }: Layout, inode: number): number {
  return (positions[inode] as number) / INODE_SLOT;
}

function writeRest(
  bytes: Buffer,
  {
    entry,
    shape,
    inode,
    links,
    where,
  }: { entry: ErofsEntry; shape: Shape; inode: number; links: number; where: number },
): void {
  const { uid, gid, mtime } = entry;
  if (!shape.extended) {
    bytes.writeUInt16LE(links, 6);
    bytes.writeUInt32LE(shape.size, 8);
    bytes.writeUInt32LE(where, 16);
    bytes.writeUInt32LE(inode + 1, 20);
    bytes.writeUInt16LE(uid, 24);
    bytes.writeUInt16LE(gid, 26);
    return;
  }
  bytes.writeBigUInt64LE(BigInt(shape.size), 8);
  bytes.writeUInt32LE(where, 16);
  bytes.writeUInt32LE(inode + 1, 20);
  bytes.writeUInt32LE(uid, 24);
  bytes.writeUInt32LE(gid, 28);
  const { seconds, nanoseconds } = splitTime(mtime);
  bytes.writeBigInt64LE(seconds, 32);
  bytes.writeUInt32LE(nanoseconds, 40);
  bytes.writeUInt32LE(links, 44);
}

/** What the inode says of its content: a device's number, the form of its chunks, its first block. */
function whereOf({ tree, layout, firstBlock, form }: Placed, inode: number, { chunks }: Shape): number {
  const { type, device } = tree.entries[inode] as ErofsEntry;
  if (chunks) return chunkFormat(chunks, form.block);
  if (type === 'character' || type === 'block') return deviceNumber(device);
  const block = layout.blocks.get(inode);
  return block === undefined ? 0 : firstBlock + block;
}

/** `new_encode_dev` of linux/kdev_t.h. */
function deviceNumber({ major, minor }: { major: number; minor: number } = { major: 0, minor: 0 }): number {
  return (((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0) as number;
}

/** Nanoseconds count forward from a second, before 1970 too. */
export function splitTime(time: bigint): { seconds: bigint; nanoseconds: number } {
  const rest = ((time % BILLION) + BILLION) % BILLION;
  return { seconds: (time - rest) / BILLION, nanoseconds: Number(rest) };
}
