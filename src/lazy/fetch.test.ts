import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { scanSpans } from '../compression/index.ts';
import type { Toc, TocEntry } from '../layer/index.ts';
import { describe, digestOf, MediaType } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { checkToc } from './check-toc.ts';
import { LayerCache } from './layer-cache.ts';
import { type OpenPart, SpanFetcher } from './span-fetcher.ts';

const folder = mkdtempSync(join(tmpdir(), 'strata-lazy-fetch-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const content = Buffer.concat([randomBytes(400_000), Buffer.alloc(800_000, 'ab')]);
const blob = gzipSync(content, { memLevel: 1 });
const layer = describe(blob, MediaType.ociLayerGzip);
const diffID = digestOf(content);

test('a span that several ask for is fetched once, what is there not again, and a failure is no answer for good', async () => {
  await using lab = await openLab();
  lab.fail = 1;
  await assert.rejects(lab.fetcher.demand(0, 1), /gone/);
  await Promise.all([lab.fetcher.demand(0, 1), lab.fetcher.demand(0, 1)]);
  await lab.fetcher.demand(0, 1);
  assert.deepEqual(lab.asked, [1, 1]);
  assert.ok(lab.isRight(1));
});

test('other bytes than the index knows are refused and not kept', async () => {
  await using lab = await openLab();
  lab.spoil = true;
  await assert.rejects(lab.fetcher.demand(0, 2), { code: 'DataLoss' });
  assert.equal(lab.cache.present[2], 0);
});

test('the background goes on behind what was read last and leaves nothing out', async () => {
  await using lab = await openLab();
  await lab.fetcher.demand(0, 3);
  while (await lab.fetcher.fetchNext());
  const all = lab.asked.length;
  assert.deepEqual(lab.asked.slice(0, 3), [3, 4, 5]);
  assert.deepEqual(
    [...lab.asked].sort((a, b) => a - b),
    Array.from({ length: all }, (_, span) => span),
  );
  await lab.cache.settle();
  assert.ok(readFileSync(join(lab.folder, 'tar')).equals(content));
});

test('what the disk was not waited for is not there after a crash', async () => {
  await using lab = await openLab();
  await lab.fetcher.demand(0, 0);
  const crashed = new Uint8Array(lab.cache.present.length);
  await using _first = await LayerCache.open(lab.folder, crashed);
  assert.equal(crashed[0], 0);
  await lab.cache.settle();
  await using _second = await LayerCache.open(lab.folder, crashed);
  assert.deepEqual([...crashed.subarray(0, 2)], [1, 0]);
});

test('tables of contents that no layer has are refused', () => {
  const file = (path: string, more: Partial<TocEntry> = {}): TocEntry => ({
    path,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 10,
    mtime: 0n,
    data: { offset: 512, length: 10 },
    ...more,
  });
  const directory = (path: string): TocEntry => ({
    ...file(path),
    type: 'directory',
    size: 0,
    data: undefined as never,
  });
  const toc = (...entries: TocEntry[]): Toc => ({ diffID, size: 2048, entries });
  const check =
    (...entries: TocEntry[]) =>
    () =>
      checkToc(toc(...entries), { diffID, size: 2048 });
  check(directory(''), directory('a'), file('a/b'), {
    ...file('c'),
    type: 'hardlink',
    link: 'a/b',
    data: undefined as never,
  })();
  const hostile = [
    [file('..')],
    [file('a/b')],
    [file('a'), file('a/b')],
    [file('a'), file('a')],
    [directory('a'), file('a/../b')],
    [file('')],
    [file('a', { data: { offset: 2040, length: 10 } })],
    [file('a', { data: { offset: -1, length: 10 } })],
    [file('a', { data: { offset: 0, length: 10, sparse: [{ offset: 5, length: 9 }] } })],
    [file('a', { size: Number.NaN })],
    [file('a', { mode: 0o100644 })],
    [file('a', { xattrs: new Map([['trusted.overlay.opaque', Buffer.from('y')]]) })],
    [{ ...file('a'), type: 'hardlink', link: 'nothing' } as TocEntry],
    [{ ...file('a'), type: 'symlink' } as TocEntry],
  ];
  for (const entries of hostile) assert.throws(check(...entries), isDataLoss, JSON.stringify(entries[0]?.path));
  assert.throws(() => checkToc(toc(), { diffID: digestOf('x'), size: 2048 }), isDataLoss);
});

async function openLab() {
  const place = mkdtempSync(join(folder, 'layer-'));
  writeFileSync(join(place, 'tar'), '');
  const { spans, compression, content: whole } = await scanSpans(stream(), { every: 50_000 });
  for await (const _ of whole);
  const cache = await LayerCache.open(place, new Uint8Array(spans.length));
  const asked: number[] = [];
  const lab = {
    folder: place,
    cache,
    asked,
    fail: 0,
    spoil: false,
    isRight(span: number): boolean {
      const { offset = 0, length = 0 } = spans[span] ?? {};
      const bytes = readFileSync(join(place, 'tar')).subarray(offset, offset + length);
      return bytes.equals(content.subarray(offset, offset + length));
    },
    fetcher: new SpanFetcher(
      [{ layer, cache, spans: { compression, digest: layer.digest, diffID, size: content.length, spans } }],
      (async (_, { offset, length }) => {
        asked.push(spans.findIndex(({ from }) => from === offset));
        if (lab.fail-- > 0) throw new Error('gone');
        const bytes = Buffer.from(blob.subarray(offset, offset + length));
        if (lab.spoil) bytes[length >> 1] = (bytes[length >> 1] as number) ^ 1;
        return one(bytes);
      }) satisfies OpenPart,
    ),
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  };
  return lab;
}

async function* stream(): AsyncGenerator<Uint8Array, void> {
  yield blob;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

function isDataLoss(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'DataLoss';
}
