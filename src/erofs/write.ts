import { EngineError } from '../std/index.ts';
import { isMappable } from './chunks.ts';
import type { ErofsEntry } from './entry.ts';
import { roundUp, TAR_BLOCK } from './format.ts';
import { contentOf, encodeInode, nidOf, type Placed } from './inode.ts';
import { layOut } from './layout.ts';
import { encodeHead, headSize } from './superblock.ts';
import { type Tree, treeOf } from './tree.ts';
import { xattrsOf } from './xattrs.ts';

export interface ErofsOptions {
  /** Sizes in bytes of the devices that hold the files' data, in the order in which they are named when it is mounted. */
  readonly devices: readonly number[];
  /** 16 bytes; zero by default, so that equal trees give equal images. */
  readonly uuid?: Uint8Array;
  /** A power of two from 512, the default, to the page size; 4096 is what older kernels and tools read. */
  readonly block?: number;
}

const CHUNK = 256 * 1024;
/** Blocks of a device: they are numbered in 32 bits, and the last number says "hole". */
const MOST_BLOCKS = 0xffff_ffff;

/**
 * An EROFS image of a tree whose files' bytes stay where they are, on other devices: the tar that they came in. The entries begin with the root,
 * and each comes after its directory; they are gone through more than once. Directories are sorted, and what the kernel needs is found without a
 * look at data. Throws InvalidArgument where the entries are no tree or a file's bytes can't be mapped ({@link isMappable}), ResourceExhausted
 * for what the format has no room for.
 */
export function* writeErofs(
  entries: Iterable<ErofsEntry>,
  { devices, uuid = Buffer.alloc(16), block = TAR_BLOCK }: ErofsOptions,
): Generator<Buffer, void> {
  const tree = treeOf(entries);
  for (const entry of tree.entries) requireMappable(entry, devices, block);
  const xattrs = xattrsOf(tree.entries);
  const form = { block, epoch: commonTime(tree) };
  const layout = layOut(tree, xattrs, form, headSize(devices.length, block));
  const xattrBlock = Math.ceil(layout.end / block);
  const firstBlock = xattrBlock + Math.ceil(xattrs.shared.length / block);
  const placed: Placed = { tree, xattrs, form, layout, firstBlock };
  const output = new Output();

  const blocks = firstBlock + layout.blockCount;
  const rootNid = nidOf(layout, 0);
  const inodes = tree.entries.length;
  yield* output.add(encodeHead({ rootNid, inodes, form, blocks, xattrBlock, uuid, devices }));
  for (const inode of layout.order) {
    yield* output.fillTo(layout.positions[inode] as number);
    yield* output.add(encodeInode(placed, inode));
  }
  yield* output.fillTo(xattrBlock * block);
  yield* output.add(xattrs.shared);
  for (const [inode, first] of layout.blocks) {
    yield* output.fillTo((firstBlock + first) * block);
    const content = contentOf(placed, inode);
    const whole = layout.inlined[inode] === 1 ? Math.floor(content.length / block) * block : content.length;
    yield* output.add(content.subarray(0, whole));
  }
  yield* output.fillTo(roundUp(blocks * block, 4096)); // loop devices and pages end there
  yield* output.rest();
}

/** The time that most inodes have that can be compact. */
function commonTime({ entries }: Tree): bigint {
  const counts = new Map<bigint, number>();
  let best = 0n;
  for (const { mtime } of entries) {
    const count = (counts.get(mtime) ?? 0) + 1;
    counts.set(mtime, count);
    if (count > (counts.get(best) ?? 0)) best = mtime;
  }
  return best;
}

function requireMappable(entry: ErofsEntry, devices: readonly number[], block: number): void {
  const { path, type, size, data } = entry;
  if (type !== 'file' || !data) return;
  const device = devices[data.device ?? 0];
  if (device === undefined || device > MOST_BLOCKS * block)
    throw new EngineError(
      device === undefined ? 'InvalidArgument' : 'ResourceExhausted',
      `EROFS image: ${JSON.stringify(path)} lies on device ${data.device ?? 0}, which ${device === undefined ? 'is not there' : 'is too large'}`,
    );
  if (!isMappable(entry, block) || size < 0)
    throw new EngineError(
      'InvalidArgument',
      `EROFS image: the data of ${JSON.stringify(path)} does not lie in blocks of ${block}`,
    );
}

/** Collects what comes in small pieces. */
class Output {
  #buffer = Buffer.alloc(CHUNK);
  #used = 0;
  #position = 0;

  *add(bytes: Uint8Array): Generator<Buffer, void> {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, CHUNK - this.#used);
      this.#buffer.set(bytes.subarray(at, at + length), this.#used);
      this.#used += length;
      at += length;
      if (this.#used === CHUNK) yield* this.rest();
    }
    this.#position += bytes.length;
  }

  /** Zeros up to a place in the image. */
  *fillTo(position: number): Generator<Buffer, void> {
    if (position > this.#position) yield* this.add(Buffer.alloc(position - this.#position));
  }

  *rest(): Generator<Buffer, void> {
    if (this.#used > 0) yield this.#buffer.subarray(0, this.#used);
    this.#buffer = Buffer.alloc(CHUNK);
    this.#used = 0;
  }
}
