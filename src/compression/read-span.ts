import { createHash } from 'node:crypto';
import { constants, type InflateRaw, inflateRaw } from 'node:zlib';
import { EngineError } from '../std/index.ts';
import type { Compression } from './detect.ts';
import { gzipHeaderLength, TRAILER } from './gzip-header.ts';
import { cutShort, damaged } from './inflate.ts';
import type { Span } from './span.ts';
import { unzstd } from './unzstd.ts';

/**
 * Content of a span, of which `bytes` are those from `span.from` to before `span.to`, decompressed in libuv's pool and held against its digest. DataLoss
 * where it is anything else.
 */
export async function readSpan(compression: Compression, span: Span, bytes: Uint8Array): Promise<Buffer> {
  if (bytes.length !== span.to - span.from) throw cutShort();
  const content = await decoded(compression, span, bytes);
  if (content.length !== span.length || createHash('sha256').update(content).digest('hex') !== span.sha256)
    throw new EngineError('DataLoss', `bytes ${span.from} to ${span.to} are not what the index says`);
  return content;
}

function decoded(compression: Compression, span: Span, bytes: Uint8Array): Promise<Buffer> {
  switch (compression) {
    case 'none':
      return Promise.resolve(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    case 'gzip':
      return inflateSpan(span, bytes);
    case 'zstd':
      return unzstdSpan(span, bytes);
    case 'bzip2':
    case 'xz':
      throw new EngineError('NotImplemented', `no part of a layer that is ${compression} can be read by itself`);
  }
}

async function inflateSpan({ length, bits, window }: Span, bytes: Uint8Array): Promise<Buffer> {
  const parts: Buffer[] = [];
  let [input, dictionary] = window ? [aligned(bytes, bits), window] : [afterHeader(bytes), undefined];
  for (let left = length; ; ) {
    const { buffer, taken } = await inflateSome(input, left, dictionary);
    parts.push(buffer);
    left -= buffer.length;
    if (left === 0) return parts.length === 1 ? buffer : Buffer.concat(parts, length);
    input = afterHeader(input.subarray(taken + TRAILER));
    dictionary = undefined;
  }
}

function inflateSome(
  input: Uint8Array,
  most: number,
  dictionary: Uint8Array | undefined,
): Promise<{ readonly buffer: Buffer; readonly taken: number }> {
  const options = {
    info: true, // gives the engine too, which knows how much input it took
    maxOutputLength: most,
    chunkSize: Math.max(64, most),
    finishFlush: constants.Z_SYNC_FLUSH, // it ends where the next span begins, inside the stream
    ...(dictionary && dictionary.length > 0 && { dictionary }),
  };
  return new Promise((resolve, reject) => {
    inflateRaw(input, options, (error, result) => {
      if (error) return reject(explain(error));
      const { buffer, engine } = result as unknown as { buffer: Buffer; engine: InflateRaw };
      resolve({ buffer, taken: engine.bytesWritten });
    });
  });
}

function explain(error: Error): Error {
  const code = 'code' in error ? String(error.code) : '';
  if (!code.startsWith('Z_') && code !== 'ERR_BUFFER_TOO_LARGE') return error;
  return new EngineError('DataLoss', `gzip stream is damaged: ${error.message}`, { cause: error });
}

function afterHeader(bytes: Uint8Array): Uint8Array {
  const header = gzipHeaderLength(bytes);
  if (header === undefined) throw damaged('a span ends in the header of a member');
  return bytes.subarray(header);
}

/**
 * The stream from the bit `bits` of its first byte on, as a stream of its own. Bits that are shifted would no longer lie where stored blocks want
 * whole bytes, and zlib's way to put bits in first is not to be had: so the bits before are filled with empty blocks instead.
 */
function aligned(bytes: Uint8Array, bits: number): Uint8Array {
  if (bits === 0) return bytes;
  const filler = FILLERS[bits] as Uint8Array;
  const input = Buffer.concat([filler, bytes.subarray(1)]);
  const shared = filler.length - 1;
  input[shared] = (filler[shared] as number) | ((bytes[0] as number) & (0xff << bits));
  return input;
}

/** Of an empty block: by the fixed code (10 bits), and by a dynamic one that is odd (93): the end is all that it can say, in one bit. */
const FIXED_BLOCK = '010' + '0000000';
const ODD_BLOCK = oddBlock();

/** For each number of bits from 1 to 7, empty blocks that leave just so many in their last byte. */
const FILLERS: readonly Uint8Array[] = Array.from({ length: 8 }, (_, wanted) => {
  let text = wanted % 2 === 1 ? ODD_BLOCK : '';
  while (text.length % 8 !== wanted) text += FIXED_BLOCK;
  const filler = new Uint8Array(Math.ceil(text.length / 8));
  for (let bit = 0; bit < text.length; bit++)
    if (text[bit] === '1') filler[bit >> 3] = (filler[bit >> 3] as number) | (1 << (bit & 7));
  return filler;
});

/** RFC 1951, 3.2.7, in the order of the stream: numbers with their lowest bit first, codes with their highest. */
function oddBlock(): string {
  const number = (value: number, bits: number): string =>
    Array.from({ length: bits }, (_, bit) => (value >> bit) & 1).join('');
  // In the order 16, 17, 18, 0, 8 … 1: codes of lengths for 18 (2 bits: 11), 0 (2: 10) and 1 (1: 0).
  const lengths = Array.from({ length: 18 }, (_, at) => (at === 2 || at === 3 ? 2 : at === 17 ? 1 : 0));
  const head = `0${number(2, 2)}${number(0, 5)}${number(0, 5)}${number(14, 4)}`;
  const code = lengths.map((length) => number(length, 3)).join('');
  const zeros = (times: number): string => `11${number(times - 11, 7)}`;
  return `${head}${code}${zeros(138)}${zeros(118)}0100`;
}

async function unzstdSpan({ length }: Span, bytes: Uint8Array): Promise<Buffer> {
  const content = Buffer.allocUnsafe(length);
  let filled = 0;
  async function* once(): AsyncGenerator<Uint8Array, void> {
    yield bytes;
  }
  for await (const chunk of unzstd(once())) {
    if (filled + chunk.length > length)
      throw new EngineError('DataLoss', 'zstd stream is damaged: more than the index says');
    content.set(chunk, filled);
    filled += chunk.length;
  }
  return content.subarray(0, filled);
}
