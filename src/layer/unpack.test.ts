import assert from 'node:assert/strict';
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { DigestMismatch, digestOf } from '../oci/index.ts';
import { EngineError, GrowingFile, hasCode } from '../std/index.ts';
import { applyLayer } from './apply.ts';
import { describeTree, type Member, streamOf, tarOf, temporaryFolder } from './fixtures.test.ts';
import { packError, unpackError } from './thread-error.ts';
import { readTocFile } from './toc-file.ts';
import { closeWorkers, unpackLayer } from './unpack.ts';

after(closeWorkers);

const MEMBERS: Member[] = [
  { name: 'd/', type: 'directory', mode: 0o775, mtime: 3n },
  { name: 'd/f', content: 'x'.repeat(100_000), mode: 0o666 },
  { name: 'i/.wh.gone' },
];
const TAR = tarOf(MEMBERS);

function blobIn(folder: string, bytes: Buffer): GrowingFile {
  const path = join(folder, 'blob');
  writeFileSync(path, bytes);
  return GrowingFile.whole(path, bytes.length);
}

function rootIn(folder: string, name = 'root'): string {
  mkdirSync(join(folder, name));
  return join(folder, name);
}

test('a worker unpacks, hashes and keeps the table in one pass, from any compression', async () => {
  using folder = temporaryFolder();
  const expected = rootIn(folder.path, 'expected');
  await applyLayer(streamOf(TAR), expected, { form: 'merged' });
  for (const [index, bytes] of [TAR, gzipSync(TAR), zstdCompressSync(TAR)].entries()) {
    const file = blobIn(folder.path, bytes);
    const root = rootIn(folder.path, `root${index}`);
    const toc = join(folder.path, `toc${index}`);
    let taken = 0;
    const layer = await unpackLayer({
      file,
      root,
      form: 'merged',
      toc,
      diffID: digestOf(TAR),
      report: (bytes) => (taken = bytes),
    });
    assert.deepEqual([layer.diffID, layer.size, taken], [digestOf(TAR), TAR.length, bytes.length]);
    assert.deepEqual(describeTree(root), describeTree(expected));
    assert.equal((await readTocFile(toc))?.entries.length, layer.entries);
  }
});

test('the form overlay leaves what depends on lower layers pending', {
  skip: process.geteuid?.() !== 0 && 'needs root',
}, async () => {
  using folder = temporaryFolder();
  const { pending } = await unpackLayer({ file: blobIn(folder.path, TAR), root: rootIn(folder.path) });
  assert.deepEqual(pending, { impliedDirectories: ['', 'i'], linksBelow: [], whiteouts: ['i/gone'] });
});

test('without a root only the table is made', async () => {
  using folder = temporaryFolder();
  const toc = join(folder.path, 'toc');
  const layer = await unpackLayer({ file: blobIn(folder.path, gzipSync(TAR)), toc });
  assert.equal(layer.diffID, digestOf(TAR));
  assert.deepEqual(
    (await readTocFile(toc))?.entries.map(({ path }) => path),
    ['', 'd', 'd/f', 'i', 'i/gone'],
  );
});

test('a diffID may be of the other algorithm', async () => {
  using folder = temporaryFolder();
  const diffID = digestOf(TAR, 'sha512');
  assert.equal((await unpackLayer({ file: blobIn(folder.path, TAR), diffID })).diffID, diffID);
});

test('a layer that is not the one asked for is a mismatch, and no table is left', async () => {
  using folder = temporaryFolder();
  const toc = join(folder.path, 'toc');
  const root = rootIn(folder.path);
  await assert.rejects(
    unpackLayer({ file: blobIn(folder.path, TAR), root, form: 'merged', toc, diffID: digestOf('other') }),
    (error) => {
      assert.ok(error instanceof DigestMismatch);
      assert.deepEqual([error.expected, error.actual], [digestOf('other'), digestOf(TAR)]);
      return true;
    },
  );
  assert.equal(existsSync(toc), false);
});

test('a blob is unpacked while it grows', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'blob');
  writeFileSync(path, '');
  const file = new GrowingFile(path);
  const unpacking = unpackLayer({ file, root: rootIn(folder.path), form: 'merged' });
  for (let at = 0; at < TAR.length; at += 30_000) {
    appendFileSync(path, TAR.subarray(at, at + 30_000));
    file.advance(Math.min(TAR.length, at + 30_000));
    await sleep(5);
  }
  file.finish();
  assert.equal((await unpacking).diffID, digestOf(TAR));
});

test('an abort ends the wait for a blob that does not grow, with its own reason', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'blob');
  writeFileSync(path, TAR);
  const file = new GrowingFile(path);
  file.advance(1000);
  const abort = new AbortController();
  const reason = new Error('enough');
  const unpacking = unpackLayer({ file, root: rootIn(folder.path), form: 'merged', signal: abort.signal });
  setTimeout(() => abort.abort(reason), 100);
  await assert.rejects(unpacking, reason);
  await assert.rejects(unpackLayer({ file, signal: abort.signal }), reason);
});

test('a writer that gives up ends the unpacking', async () => {
  using folder = temporaryFolder();
  const file = new GrowingFile(join(folder.path, 'blob'));
  writeFileSync(file.path, '');
  const unpacking = unpackLayer({ file });
  file.fail();
  await assert.rejects(unpacking, (error) => hasCode(error, 'Unavailable'));
});

test('more layers than cores unpack side by side, and a failed one harms no other', async () => {
  using folder = temporaryFolder();
  const good = blobIn(folder.path, gzipSync(TAR));
  const bad = join(folder.path, 'bad');
  writeFileSync(bad, gzipSync(TAR).subarray(0, 150));
  const outcomes = await Promise.allSettled(
    Array.from({ length: 9 }, (_, index) =>
      unpackLayer({
        file: index % 3 === 2 ? GrowingFile.whole(bad, statSync(bad).size) : good,
        root: rootIn(folder.path, `${index}`),
        form: 'merged',
      }),
    ),
  );
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 6);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(hasCode(outcome.reason, 'DataLoss'), String(outcome.reason));
  }
});

test("modes are the layer's, and the process keeps its own umask", async () => {
  using folder = temporaryFolder();
  const before = process.umask();
  const root = rootIn(folder.path);
  await unpackLayer({ file: blobIn(folder.path, TAR), root, form: 'merged' });
  assert.equal(statSync(join(root, 'd/f')).mode & 0o777, 0o666);
  assert.equal(process.umask(), before);
  assert.match(readFileSync('/proc/self/status', 'latin1'), new RegExp(`^Umask:\\s*0*${before.toString(8)}$`, 'm'));
});

test('bombs end at their limits: endless names, endless bytes', async () => {
  using folder = temporaryFolder();
  const names = tarOf(Array.from({ length: 2000 }, (_, index) => ({ name: `f${index}` })));
  await assert.rejects(
    unpackLayer({ file: blobIn(folder.path, gzipSync(names)), limits: { entries: 1000 } }),
    (error) => hasCode(error, 'ResourceExhausted'),
  );
  const zeros = gzipSync(tarOf([{ name: 'zeros', content: Buffer.alloc(1 << 24) }]));
  await assert.rejects(
    unpackLayer({ file: blobIn(folder.path, zeros), limits: { ratioFrom: 1 << 20, maxRatio: 100 } }),
    (error) => hasCode(error, 'ResourceExhausted'),
  );
});

test('errors cross threads with their code, details and cause', () => {
  const cause = Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC', syscall: 'write' });
  const error = unpackError(
    structuredClone(packError(new EngineError('ResourceExhausted', 'full', { cause, details: { path: 'x' } }))),
  );
  assert.ok(error instanceof EngineError);
  assert.deepEqual([error.code, error.message, error.details], ['ResourceExhausted', 'full', { path: 'x' }]);
  assert.deepEqual(
    [(error.cause as Error).message, (error.cause as { code: string }).code],
    ['ENOSPC: write', 'ENOSPC'],
  );
  const mismatch = unpackError(structuredClone(packError(new DigestMismatch('layer', digestOf('a'), digestOf('b')))));
  assert.equal(mismatch.message, new DigestMismatch('layer', digestOf('a'), digestOf('b')).message);
});
