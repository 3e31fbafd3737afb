import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Compression, Span } from '../compression/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';

/** Where reading can begin in one layer's blob. */
export interface LayerSpans {
  readonly compression: Compression;
  /** The blob. */
  readonly digest: Digest;
  readonly diffID: Digest;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  readonly spans: readonly Span[];
}

/** Content of one span that is still read as a whole, in memory. */
export const LONGEST_SPAN: number = 64 << 20;

const VERSION = 1;
const WINDOW = 32 * 1024;
/** Of all windows and lines together: 32 GB of layer, with a span every 4 MiB. */
const LIMIT = 512 << 20;
const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'zstd'];

type Row = [length: number, from: number, to: number, bits: number, window: number, sha256: string];

interface Header extends Omit<LayerSpans, 'spans'> {
  readonly spans: typeof VERSION;
  /** A window of -1 bytes is none. */
  readonly rows: readonly Row[];
}

/** A line of JSON, then the windows one after the other; as one zstd frame. */
export function encodeSpans({ spans, ...layer }: LayerSpans): Buffer {
  const rows = spans.map(
    ({ length, from, to, bits, window, sha256 }): Row => [length, from, to, bits, window?.length ?? -1, sha256],
  );
  const header: Header = { spans: VERSION, ...layer, rows };
  const windows = spans.flatMap(({ window }) => (window ? [window] : []));
  return zstdCompressSync(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...windows]), {
    params: { [constants.ZSTD_c_compressionLevel]: 3 },
  });
}

/** The spans of `layer`, of which nothing is taken on trust but what its bytes decompress to. DataLoss for what can't be. */
export function decodeSpans(bytes: Uint8Array, layer: Descriptor, diffID: Digest): LayerSpans {
  try {
    const text = zstdDecompressSync(bytes, { maxOutputLength: LIMIT });
    const line = text.indexOf(0x0a);
    const header = JSON.parse(text.toString('utf8', 0, Math.max(0, line))) as Header;
    if (header.spans !== VERSION) throw wrong(`form ${header.spans} instead of ${VERSION}`);
    if (header.digest !== layer.digest || header.diffID !== diffID) throw wrong('made for another layer');
    if (!COMPRESSIONS.includes(header.compression)) throw wrong('unknown compression');
    const { compression, digest, size } = header;
    const spans = spansOf(header.rows, text.subarray(line + 1), layer.size);
    if (spans.reduce((sum, { length }) => sum + length, 0) !== size) throw wrong('gaps');
    return { compression, digest, diffID, size, spans };
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw wrong('damaged', error);
  }
}

function spansOf(rows: readonly Row[], windows: Buffer, blobSize: number): Span[] {
  let offset = 0;
  let at = 0;
  const spans = rows.map(([length, from, to, bits, window, sha256]): Span => {
    const isSane =
      [length, from, to, bits, window].every(Number.isSafeInteger) &&
      length > 0 &&
      length <= LONGEST_SPAN &&
      from >= 0 &&
      to > from &&
      to <= blobSize &&
      bits >= 0 &&
      bits < 8 &&
      window >= -1 &&
      window <= WINDOW &&
      at + window <= windows.length &&
      /^[0-9a-f]{64}$/.test(sha256);
    if (!isSane) throw wrong('a span that can’t be');
    const span = { offset, length, from, to, bits, sha256 };
    offset += length;
    if (window < 0) return span;
    at += window;
    return { ...span, window: Buffer.from(windows.subarray(at - window, at)) };
  });
  if (at !== windows.length) throw wrong('more windows than spans');
  return spans;
}

function wrong(how: string, cause?: unknown): EngineError {
  return new EngineError('DataLoss', `the index of a layer is not usable: ${how}; make it again: strata image index`, {
    cause,
  });
}
