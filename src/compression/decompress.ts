import { type ByteStream, EngineError } from '../std/index.ts';
import { type Compression, detectCompression, MAGIC_LENGTH } from './detect.ts';
import { peek, readAhead, untilAborted } from './flow.ts';
import { gunzip } from './gunzip.ts';
import { BZIP2, throughProgram, XZ } from './host-program.ts';
import { unzstd } from './unzstd.ts';
import { freeOutput } from './zlib-pump.ts';

/** Bounds for what strangers compressed. */
export interface DecompressLimits {
  /** Bytes of output: no limit. */
  readonly maxBytes?: number;
  /**
   * Output for each byte of input, counted once there is more than `ratioFrom` of it: 250. Deflate can't do better than 1,032 and
   * zeros come close to that, other formats go far beyond; real layers of a gigabyte stay below 20.
   */
  readonly maxRatio?: number;
  /** Bytes of output that any input may have, for honest files of zeros: 1 GiB. */
  readonly ratioFrom?: number;
}

export interface DecompressOptions {
  readonly limits?: DecompressLimits;
  /**
   * A chunk is valid only until the next one is asked for: its memory is given back then, where a collection would come 60 MB later. The input's
   * chunks may be used again as soon as the third one after them is asked for.
   */
  readonly transient?: boolean;
  readonly signal?: AbortSignal;
}

const DEFAULTS: Required<DecompressLimits> = { maxBytes: Number.POSITIVE_INFINITY, maxRatio: 250, ratioFrom: 2 ** 30 };

/**
 * Content of `stream`, by its first bytes: gzip, zstd, bzip2, xz, or as it is. Inflating runs in libuv's pool, one chunk ahead of
 * the consumer. DataLoss where the input is damaged or cut short, ResourceExhausted beyond the limits, Unavailable where a host
 * program is missing.
 */
export async function* decompress(stream: ByteStream, options: DecompressOptions = {}): AsyncGenerator<Buffer, void> {
  const { signal } = options;
  const limits = { ...DEFAULTS, ...options.limits };
  let input = 0;
  let output = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of untilAborted(stream, signal)) {
      input += chunk.length;
      yield chunk;
    }
  }

  const { start, rest } = await peek(counted(), MAGIC_LENGTH);
  const compression = detectCompression(start);
  const ours = compression !== 'none'; // what is not compressed comes through in the caller's own buffers
  for await (const chunk of readAhead(decoded(compression, rest))) {
    signal?.throwIfAborted();
    output += chunk.length;
    if (output > limits.maxBytes) {
      throw new EngineError('ResourceExhausted', `decompresses to more than ${limits.maxBytes} bytes`);
    }
    if (output > limits.ratioFrom && output > input * limits.maxRatio) {
      throw new EngineError(
        'ResourceExhausted',
        `decompresses to more than ${limits.maxRatio} times its size (${output} bytes of ${input}), as a bomb does`,
      );
    }
    yield chunk;
    if (options.transient && ours) freeOutput(chunk);
  }
}

function decoded(compression: Compression, rest: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Buffer, void> {
  switch (compression) {
    case 'gzip':
      return gunzip(readAhead(rest));
    case 'zstd':
      return unzstd(readAhead(rest));
    case 'bzip2':
      return throughProgram(BZIP2, rest);
    case 'xz':
      return throughProgram(XZ, rest);
    case 'none':
      return asBuffers(rest);
  }
}

async function* asBuffers(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  for await (const chunk of source) {
    yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}
