import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, createGzip, deflateRawSync, gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { EngineError } from '../std/index.ts';
import { compressLayer } from './compress.ts';
import { Inflate } from './inflate.ts';
import { readSpan } from './read-span.ts';
import { scanSpans } from './scan-spans.ts';
import type { Span } from './span.ts';

const RUNS = { numRuns: 40 };

test('what node compresses at any level is decoded to the same bytes, however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(content(), fc.constantFrom(0, 1, 4, 6, 9), strategy(), fc.integer({ min: 1, max: 70_000 }), check),
    RUNS,
  );
  async function check(bytes: Buffer, level: number, strategy: number, cut: number): Promise<void> {
    const { content, spans } = await scan(gzipSync(bytes, { level, strategy }), { every: 50_000, cut });
    assert.ok(content.equals(bytes));
    coverExactly(spans, bytes.length);
  }
});

test('every span is read by itself, at any level', async () => {
  await fc.assert(
    fc.asyncProperty(content(), fc.constantFrom(0, 1, 4, 6, 9), strategy(), async (bytes, level, strategy) => {
      await everySpanReads(gzipSync(bytes, { level, strategy, memLevel: 1 }), bytes, 3000);
    }),
    RUNS,
  );
});

test('a stream that is flushed now and then has stored blocks between others, and its spans read', async () => {
  const pieces = Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? noise(9000, index) : text(2000 + index)));
  const bytes = Buffer.concat([...pieces, text(60_000)]);
  const blob = await flushed(bytes, 7001);
  assert.deepEqual(gunzipSync(blob), bytes);
  const spans = await everySpanReads(blob, bytes, 4000);
  assert.ok(spans.some(({ bits }) => bits > 0) || spans.length > 5);
});

test('spans begin at every bit of a byte', async () => {
  const bytes = Buffer.concat([text(400_000), noise(3000, 3), text(300_000)]);
  const spans = await everySpanReads(gzipSync(bytes, { memLevel: 1 }), bytes, 1000);
  assert.deepEqual([...new Set(spans.map(({ bits }) => bits))].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('members begin spans without a window; small ones share one', async () => {
  const parts = Array.from({ length: 60 }, (_, index) => text(500 + index * 37));
  const bytes = Buffer.concat(parts);
  const spans = await everySpanReads(Buffer.concat(parts.map((part) => gzipSync(part))), bytes, 20_000);
  assert.ok(spans.length > 5 && spans.length < 20);
  assert.ok(spans.every(({ window }) => window === undefined));
});

test('empty members, padding and headers with names are understood', async () => {
  const named = Buffer.concat([
    Buffer.of(0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9),
    Buffer.from('name\0comment\0'),
    Buffer.of(1, 2),
  ]);
  const body = gzipSync('hello');
  const blob = Buffer.concat([gzipSync(''), named, body.subarray(10), gzipSync(''), Buffer.alloc(700)]);
  await everySpanReads(blob, Buffer.from('hello'), 100, 3);
});

test('what we compress ourselves has spans, as gzip and as zstd', async () => {
  const bytes = Buffer.concat([text(2_500_000), noise(2_000_000, 5), text(9_000_000)]);
  for (const format of ['gzip', 'zstd'] as const) {
    const blob = await collect(compressLayer(stream(bytes), { format }));
    assert.ok((await everySpanReads(blob, bytes, 1 << 20)).length >= 3);
  }
});

test('zstd of one frame is one span, and what is not compressed is cut where we want', async () => {
  const bytes = text(300_000);
  assert.equal((await everySpanReads(zstdCompressSync(bytes), bytes, 1000)).length, 1);
  assert.equal((await everySpanReads(bytes, bytes, 100_000)).length, 3);
});

test('bytes that are not those of the index are refused', async () => {
  const bytes = Buffer.concat([text(200_000), noise(10_000, 9)]);
  const blob = gzipSync(bytes);
  const { spans, compression } = await scan(blob, { every: 50_000 });
  for (const span of spans) {
    const part = Buffer.from(blob.subarray(span.from, span.to));
    part[part.length >> 1] = (part[part.length >> 1] as number) ^ 0x10;
    await assert.rejects(readSpan(compression, span, part), isDataLoss);
    await assert.rejects(readSpan(compression, span, part.subarray(1)), isDataLoss);
    const wrong = { ...span, length: span.length + 1 };
    await assert.rejects(readSpan(compression, wrong, blob.subarray(span.from, span.to)), isDataLoss);
  }
});

test('a stream that is cut short anywhere is refused', async () => {
  const blob = Buffer.concat([gzipSync(text(3000)), gzipSync(noise(500, 1), { level: 0 })]);
  for (let length = 6; length < blob.length; length += 7) {
    const isWhole = length === gzipSync(text(3000)).length;
    if (!isWhole) await assert.rejects(scan(blob.subarray(0, length)), isDataLoss, `cut to ${length}`);
  }
});

test('hostile streams end with the verdict of zlib: the same bytes, or DataLoss', async () => {
  const seeds = [
    gzipSync(text(4000)),
    gzipSync(noise(300, 2), { level: 0 }),
    gzipSync(text(900), { strategy: constants.Z_FIXED }),
  ];
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...seeds), flips, async (seed, changes) => {
      const blob = Buffer.from(seed);
      for (const [at, mask] of changes) {
        const place = 10 + (at % (blob.length - 18));
        blob[place] = (blob[place] as number) ^ mask;
      }
      let expected: Buffer | undefined;
      try {
        expected = gunzipSync(blob);
      } catch {}
      try {
        const { content } = await scan(blob);
        assert.ok(expected?.equals(content));
      } catch (error) {
        assert.ok(isDataLoss(error), String(error));
        assert.equal(expected, undefined);
      }
    }),
    { numRuns: 400 },
  );
});

test('a stream of random blocks ends, with an error or without', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const inflate = new Inflate();
      inflate.feed(bytes, { isLast: true });
      inflate.begin();
      try {
        for (let steps = 0, pause = inflate.run(); pause !== 'end'; pause = inflate.run()) {
          assert.ok(inflate.take().length <= 300_000);
          assert.ok(++steps < 5000);
        }
      } catch (error) {
        assert.ok(isDataLoss(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('a bomb is decoded within the window', async () => {
  const blob = gzipSync(Buffer.alloc(20 << 20));
  const { content, spans } = await scanSpans(stream(blob), { every: 1 << 20 });
  let total = 0;
  for await (const chunk of content) {
    assert.ok(chunk.length <= 300_000);
    total += chunk.length;
  }
  assert.equal(total, 20 << 20);
  assert.ok(spans.every(({ window }) => (window?.length ?? 0) <= 32_768));
});

async function everySpanReads(blob: Buffer, bytes: Buffer, every: number, cut?: number): Promise<readonly Span[]> {
  const { content, spans, compression } = await scan(blob, { every, ...(cut !== undefined && { cut }) });
  assert.ok(content.equals(bytes));
  coverExactly(spans, bytes.length);
  for (const span of spans) {
    const part = await readSpan(compression, span, blob.subarray(span.from, span.to));
    assert.ok(part.equals(bytes.subarray(span.offset, span.offset + span.length)));
  }
  return spans;
}

function coverExactly(spans: readonly Span[], length: number): void {
  let at = 0;
  for (const span of spans) {
    assert.equal(span.offset, at);
    at += span.length;
  }
  assert.equal(at, length);
}

async function scan(blob: Uint8Array, { every = 10_000, cut = 65_536 } = {}) {
  const { content, spans, compression } = await scanSpans(stream(blob, cut), { every });
  return { content: await collect(content), spans, compression };
}

async function* stream(bytes: Uint8Array, cut = 65_536): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all);
}

async function flushed(bytes: Buffer, every: number): Promise<Buffer> {
  const gzip = createGzip();
  const collected = collect(gzip);
  for (let at = 0; at < bytes.length; at += every) {
    gzip.write(bytes.subarray(at, at + every));
    await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve));
  }
  gzip.end();
  return collected;
}

function content(): fc.Arbitrary<Buffer> {
  const piece = fc.oneof(
    fc.tuple(fc.constant(text), fc.integer({ min: 0, max: 60_000 })),
    fc.tuple(fc.constant(noise), fc.integer({ min: 0, max: 40_000 })),
    fc.tuple(
      fc.constant((length: number) => Buffer.alloc(length, 7)),
      fc.integer({ min: 0, max: 90_000 }),
    ),
  );
  return fc
    .array(piece, { maxLength: 5 })
    .map((pieces) => Buffer.concat(pieces.map(([make, length]) => make(length, 1))));
}

function strategy(): fc.Arbitrary<number> {
  return fc.constantFrom(constants.Z_DEFAULT_STRATEGY, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED);
}

function text(length: number): Buffer {
  const words = ['usr', 'lib', 'share', 'python3', 'node_modules', 'index', '/', '.js', '\n', 'x86_64-linux-gnu'];
  const bytes = Buffer.alloc(length);
  let seed = length + 1;
  for (let at = 0; at < length; ) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    at += Math.max(1, bytes.write(words[(seed >> 8) % words.length] as string, at));
  }
  return bytes;
}

function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed + 99;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

function isDataLoss(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'DataLoss';
}

test('deflate of one piece is decoded with nothing around it', () => {
  const inflate = new Inflate();
  inflate.feed(deflateRawSync('alone'), { isLast: true });
  inflate.begin();
  assert.equal(inflate.run(), 'end');
  assert.equal(inflate.take().toString(), 'alone');
});
