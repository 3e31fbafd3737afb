import type { SparseRun } from '../tar/index.ts';
import type { ErofsEntry } from './entry.ts';
import { CHUNK_BITS_MAX, CHUNK_INDEX, CHUNK_INDEXES, HOLE, TAR_BLOCK } from './format.ts';

/** A sparse file's map may have so many entries: 512 KiB for one inode. */
const MOST_CHUNKS = 1 << 16;

/** How a file's bytes are cut into chunks of one size, each of which lies in one piece or is a hole. */
export interface ChunkMap {
  /** The size of a chunk, as a power of two. */
  readonly bits: number;
  readonly count: number;
}

/** Whether an image can say where the file's bytes lie: runs of a sparse file must begin at blocks in the file and in the device. */
export function isMappable({ size, data }: Pick<ErofsEntry, 'size' | 'data'>, block: number = TAR_BLOCK): boolean {
  if (!data) return true;
  if (data.offset % block !== 0) return false;
  if (!data.sparse) return true;
  const runs = runsOf(data.sparse);
  const aligned = runs.every(({ offset, length }, at) => {
    const last = at === runs.length - 1 && offset + length === size;
    return offset % block === 0 && (last || length % block === 0);
  });
  return aligned && chunkMapOf({ size, data }, block).count <= MOST_CHUNKS;
}

/** The map of a file that is not empty. */
export function chunkMapOf({ size, data }: Pick<ErofsEntry, 'size' | 'data'>, block: number): ChunkMap {
  const smallest = Math.log2(block);
  let bits = Math.min(Math.max(Math.ceil(Math.log2(size)), smallest), smallest + CHUNK_BITS_MAX);
  for (const { offset, length } of data?.sparse ? runsOf(data.sparse) : []) {
    bits = Math.min(bits, trailingZeros(offset));
    if (offset + length < size) bits = Math.min(bits, trailingZeros(offset + length));
  }
  return { bits, count: Math.ceil(size / 2 ** bits) };
}

/** The chunk format of an inode. */
export function chunkFormat({ bits }: ChunkMap, block: number): number {
  return CHUNK_INDEXES | (bits - Math.log2(block));
}

/** The map as it stands behind the inode. */
export function encodeChunks({ data, size }: ErofsEntry, { bits, count }: ChunkMap, block: number): Buffer {
  const indexes = Buffer.alloc(count * CHUNK_INDEX);
  const chunk = 2 ** bits;
  const put = (index: number, device: number, address: number): void => {
    indexes.writeUInt16LE(device, index * CHUNK_INDEX + 2);
    indexes.writeUInt32LE(address, index * CHUNK_INDEX + 4);
  };
  for (let index = 0; index < count; index++) put(index, 0, HOLE);
  if (!data) return indexes;
  const device = (data.device ?? 0) + 1; // 0 is the image itself
  let stored = data.offset;
  for (const { offset, length } of data.sparse ? runsOf(data.sparse) : [{ offset: 0, length: size }]) {
    for (let at = 0; at < length; at += chunk) put((offset + at) / chunk, device, (stored + at) / block);
    stored += length;
  }
  return indexes;
}

function runsOf(runs: readonly SparseRun[]): SparseRun[] {
  return runs.filter(({ length }) => length > 0);
}

function trailingZeros(value: number): number {
  if (value === 0) return Number.POSITIVE_INFINITY;
  const low = value % 2 ** 32;
  return low === 0 ? 32 + trailingZeros(value / 2 ** 32) : 31 - Math.clz32(low & -low);
}
