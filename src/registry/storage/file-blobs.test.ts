import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { registryBlobsContract } from '../../../test/contracts/registry-blobs.ts';
import { DigestMismatch, digestOf } from '../../oci/index.ts';
import type { BlobStorage } from './blobs.ts';
import { fileBlobs } from './file-blobs.ts';
import { memoryBlobs } from './memory-blobs.ts';

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

registryBlobsContract('files', async () => await fileBlobs(await mkdtemp(join(folder, 'contract-'))));
registryBlobsContract('memory', async () => memoryBlobs());

/** Files of the storage that this process has open. */
async function openFiles(): Promise<number> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(folder)).length;
}

test('what is refused or breaks off leaves no file', async () => {
  await assert.rejects(blobs.store(Readable.from([Buffer.from('a')]), digestOf('b'), limits), DigestMismatch);
  const source = new PassThrough();
  const storing = blobs.store(source, digestOf('abcd'), limits);
  source.write('ab');
  setImmediate(() => source.destroy());
  assert.equal(await storing, undefined);
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
