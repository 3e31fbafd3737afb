import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw, zstdCompress } from 'node:zlib';
import type { ByteStream } from '../std/index.ts';
import { untilAborted } from './flow.ts';

export interface CompressOptions {
  /** gzip, which every engine and registry reads, unless told. */
  readonly format?: 'gzip' | 'zstd';
  /** gzip 1 to 9, 4 unless told; zstd 1 to 22, 3 unless told. */
  readonly level?: number;
  readonly signal?: AbortSignal;
}

/** Input that is deflated at a time: part of the format, since other blocks are other bytes. */
const GZIP_BLOCK = 1 << 20;
const ZSTD_BLOCK = 4 << 20;
/** 2 % more bytes than at zlib's own default of 6, in little more than half the time: compressing is most of a push. */
const GZIP_LEVEL = 4;
/** How far back deflate looks, RFC 1951. */
const WINDOW = 32 * 1024;
const MAX_PARALLEL = 16;
/** An empty last block: the ones before it all ended at a byte. */
const DEFLATE_END = Buffer.of(0x03, 0x00);

const deflateBlock = promisify<Buffer, object, Buffer>(deflateRaw);
const zstdBlock = promisify<Buffer, object, Buffer>(zstdCompress);

/**
 * `stream`, compressed on all cores. The same content gives the same bytes, however it is cut into chunks and however many cores
 * there are, as long as the zlib in Node is the same.
 *
 * gzip is one member, as pigz makes it: blocks of 1 MiB, each primed with the 32 KiB before it and flushed to a byte. Members of
 * their own would be simpler, but some readers (browsers' DecompressionStream among them) stop after the first.
 * zstd is one frame for every 4 MiB, with checksums.
 */
export function compressLayer(stream: ByteStream, options: CompressOptions = {}): AsyncGenerator<Buffer, void> {
  const source = untilAborted(stream, options.signal);
  return options.format === 'zstd'
    ? zstdFrames(source, options.level ?? 3)
    : gzipMember(source, options.level ?? GZIP_LEVEL);
}

async function* gzipMember(source: ByteStream, level: number): AsyncGenerator<Buffer, void> {
  let crc = 0;
  let size = 0;
  let before: Buffer | undefined;
  yield gzipHeader(level);
  yield* inParallel(blocksOf(source, GZIP_BLOCK), (block) => {
    crc = crc32(block, crc);
    size += block.length;
    const dictionary = before?.subarray(-WINDOW);
    before = block;
    return deflateBlock(block, {
      level,
      chunkSize: GZIP_BLOCK / 2,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(dictionary && { dictionary }),
    });
  });
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  yield Buffer.concat([DEFLATE_END, trailer]);
}

/** RFC 1952, 2.3: no time, no name, an unknown system. */
function gzipHeader(level: number): Buffer {
  const effort = level === 9 ? 2 : level === 1 ? 4 : 0;
  return Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, 255);
}

async function* zstdFrames(source: ByteStream, level: number): AsyncGenerator<Buffer, void> {
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
  const compress = (block: Buffer) =>
    zstdBlock(block, { params, chunkSize: ZSTD_BLOCK / 4, pledgedSrcSize: block.length });
  let empty = true;
  for await (const frame of inParallel(blocksOf(source, ZSTD_BLOCK), compress)) {
    empty = false;
    yield frame;
  }
  if (empty) yield await compress(Buffer.alloc(0)); // no frame at all would be no zstd
}

/** Outcomes in the order of `items`, several of them worked on at once. */
async function* inParallel(
  items: AsyncIterable<Buffer>,
  work: (item: Buffer) => Promise<Buffer>,
): AsyncGenerator<Buffer, void> {
  const limit = Math.min(availableParallelism(), MAX_PARALLEL) + 1; // one waits for a thread that gets free
  const running: Promise<Buffer>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      result.catch(() => {}); // thrown where it is awaited
      running.push(result);
      if (running.length >= limit) yield (await running.shift()) as Buffer;
    }
    for (let next = running.shift(); next; next = running.shift()) yield await next;
  } finally {
    await Promise.allSettled(running);
  }
}

/** The same bytes in blocks of exactly `size`, the last one shorter. */
async function* blocksOf(source: ByteStream, size: number): AsyncGenerator<Buffer, void> {
  let block = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === size) {
        yield block;
        block = Buffer.allocUnsafeSlow(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
