import { type ByteStream, EngineError } from '../std/index.ts';
import { type Compression, detectCompression, MAGIC_LENGTH } from './detect.ts';
import { peek, untilAborted } from './flow.ts';
import { scanGzip } from './scan-gzip.ts';
import { scanZstd } from './scan-zstd.ts';
import type { Span } from './span.ts';
import { SpanCutter } from './span-cutter.ts';

export interface ScanOptions {
  /** Bytes of content that a span has at least, where there is a place to begin the next: 4 MiB. */
  readonly every?: number;
  readonly signal?: AbortSignal;
}

/** A stream that is decompressed once, to find the places where parts of it can be. */
export interface SpanScan {
  readonly compression: Compression;
  /** What is in the stream; read all of it. */
  readonly content: AsyncGenerator<Buffer, void>;
  /** Whole once the content has ended. */
  readonly spans: readonly Span[];
}

const EVERY = 4 << 20;

/**
 * Decompresses gzip, zstd or what is not compressed, and finds its spans (see `readSpan`). DataLoss where it is damaged, NotImplemented for
 * other formats.
 */
export async function scanSpans(stream: ByteStream, { every = EVERY, signal }: ScanOptions = {}): Promise<SpanScan> {
  const { start, rest } = await peek(untilAborted(stream, signal), MAGIC_LENGTH);
  const compression = detectCompression(start);
  const spans = new SpanCutter();
  return { compression, content: scan(compression, rest, spans, every), spans: spans.found };
}

function scan(
  compression: Compression,
  rest: AsyncGenerator<Uint8Array, void>,
  spans: SpanCutter,
  every: number,
): AsyncGenerator<Buffer, void> {
  switch (compression) {
    case 'gzip':
      return scanGzip(rest, spans, every);
    case 'zstd':
      return scanZstd(rest, spans, every);
    case 'none':
      return scanPlain(rest, spans, every);
    case 'bzip2':
    case 'xz':
      throw new EngineError('NotImplemented', `no part of a layer that is ${compression} can be read by itself`);
  }
}

async function* scanPlain(source: ByteStream, spans: SpanCutter, every: number): AsyncGenerator<Buffer, void> {
  let position = 0;
  spans.begin(0);
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      if (spans.length === every) spans.begin(position * 8);
      const part = Buffer.from(chunk.subarray(at, at + every - spans.length));
      at += part.length;
      position += part.length;
      spans.add(part);
      yield part;
    }
  }
  spans.end(position);
}
