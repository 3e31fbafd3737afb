import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DigestMismatch, digestOf } from '../../oci/index.ts';
import type { BlobStorage } from './blobs.ts';
import { fileBlobs } from './file-blobs.ts';

const limits = { bytes: 50 << 20, slowest: 0 };
let folder: string;
let blobs: BlobStorage;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overstrata-blobs-'));
  blobs = await fileBlobs(folder);
});
after(async () => {
  await blobs[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function collect(): { sink: Writable; bytes(): Buffer } {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk)); // its buffer is used again
      setImmediate(done);
    },
  });
  return { sink, bytes: () => Buffer.concat(chunks) };
}

/** Files of the storage that this process has open. */
async function openFiles(): Promise<number> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(folder)).length;
}

test('what is stored is sent, whole and in parts, whatever the sizes are', async () => {
  for (const size of [0, 1, 262_143, 262_144, 262_145, 3_000_001]) {
    const content = randomBytes(size);
    assert.equal(await blobs.store(Readable.from([content]), digestOf(content), limits), size);
    for (const [start, end] of [
      [0, size - 1],
      [1, size - 2],
      [262_144, size - 1],
    ] as const) {
      const { sink, bytes } = collect();
      await blobs.send(digestOf(content), { start, end }, sink);
      assert.deepEqual(bytes(), content.subarray(start, Math.max(start, end + 1)));
    }
  }
});

test('a blob of another digest leaves nothing', async () => {
  await assert.rejects(blobs.store(Readable.from([Buffer.from('a')]), digestOf('b'), limits), DigestMismatch);
  assert.equal(await blobs.sizeOf(digestOf('b')), undefined);
  assert.deepEqual(await readdir(join(folder, 'uploads')), []);
});

test('a source that breaks off leaves nothing, one that is too large is refused', async () => {
  const source = new PassThrough();
  const storing = blobs.store(source, digestOf('abcd'), limits);
  source.write('ab');
  setImmediate(() => source.destroy());
  assert.equal(await storing, undefined);
  await assert.rejects(
    blobs.store(Readable.from([Buffer.alloc(11)]), digestOf(Buffer.alloc(11)), { ...limits, bytes: 10 }),
    { code: 'ResourceExhausted' },
  );
  assert.deepEqual(await readdir(join(folder, 'uploads')), []);
});

test('a reader that goes away frees its file', {
  skip: process.platform === 'linux' ? false : 'needs /proc',
}, async () => {
  const content = randomBytes(5_000_000);
  await blobs.store(Readable.from([content]), digestOf(content), limits);
  for (let count = 0; count < 10; count += 1) {
    const sink = new PassThrough({ highWaterMark: 1000 }); // nobody reads: its writes never end
    setTimeout(() => sink.destroy(), 10);
    await assert.rejects(blobs.send(digestOf(content), { start: 0, end: content.length - 1 }, sink), {
      code: 'Unavailable',
    });
  }
  assert.equal(await openFiles(), 0);
});

test('thousands of tiny pieces are one blob', async () => {
  const content = randomBytes(20_000);
  const pieces = Array.from(content, (byte) => Buffer.of(byte));
  assert.equal(await blobs.store(Readable.from(pieces), digestOf(content), limits), content.length);
});

test('a session that another storage began goes on here, by either algorithm', async () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const { id } = await blobs.startUpload('a');
    await blobs.append(id, Readable.from([Buffer.from('one ')]), limits);
    await using other = await fileBlobs(folder);
    assert.deepEqual(await other.findUpload(id), { id, repository: 'a', offset: 4 });
    assert.deepEqual(await other.append(id, Readable.from([Buffer.from('two')]), { ...limits, expectedOffset: 4 }), {
      offset: 7,
      complete: true,
    });
    assert.equal(await other.finishUpload(id, digestOf('one two', algorithm)), 7);
    assert.notEqual(await blobs.sizeOf(digestOf('one two', algorithm)), undefined);
    assert.equal(await blobs.findUpload(id), undefined);
  }
});

test('a chunk at the wrong place changes nothing', async () => {
  const { id } = await blobs.startUpload('a');
  await blobs.append(id, Readable.from([Buffer.from('abc')]), limits);
  const answer = await blobs.append(id, Readable.from([Buffer.from('xyz')]), { ...limits, expectedOffset: 5 });
  assert.deepEqual(answer, { offset: 3, complete: false, misplaced: true });
  assert.equal(await blobs.finishUpload(id, digestOf('abc')), 3);
});

test('sessions that nobody writes to expire, others stay', async () => {
  const dead = await blobs.startUpload('a');
  await sleep(20);
  const between = Date.now();
  await sleep(20);
  const alive = await blobs.startUpload('a');
  assert.equal(await blobs.expireUploads(between), 1);
  assert.equal(await blobs.findUpload(dead.id), undefined);
  assert.equal((await blobs.findUpload(alive.id))?.offset, 0);
  await blobs.cancelUpload(alive.id);
  assert.equal(await blobs.findUpload('../../etc/passwd'), undefined);
});
