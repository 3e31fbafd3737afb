import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { PassThrough, Readable, Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DigestMismatch, digestOf } from '../../src/oci/index.ts';
import type { BlobStorage } from '../../src/registry/index.ts';

const limits = { bytes: 50 << 20, slowest: 0 };

/** What every {@link BlobStorage} does. `open` gives an empty one. */
export function registryBlobsContract(name: string, open: () => Promise<BlobStorage>): void {
  describe(`blobs: ${name}`, () => {
    let blobs: BlobStorage;
    before(async () => {
      blobs = await open();
    });
    after(() => blobs[Symbol.asyncDispose]());

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
    });

    test('thousands of tiny pieces are one blob', async () => {
      const content = randomBytes(20_000);
      const pieces = Array.from(content, (byte) => Buffer.of(byte));
      assert.equal(await blobs.store(Readable.from(pieces), digestOf(content), limits), content.length);
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

    test('a list is what is there, and what is removed is gone', async () => {
      const digests = ['list one', 'list two'].map((text) =>
        digestOf(text, text.endsWith('two') ? 'sha512' : 'sha256'),
      );
      for (const [index, text] of ['list one', 'list two'].entries())
        await blobs.store(Readable.from([Buffer.from(text)]), digests[index] as (typeof digests)[number], limits);
      const listed = await Array.fromAsync(blobs.list());
      for (const digest of digests) assert.ok(listed.includes(digest));
      const [one] = digests as [(typeof digests)[number]];
      assert.equal(await blobs.remove(one), 8);
      assert.equal(await blobs.remove(one), 0);
      assert.equal(await blobs.sizeOf(one), undefined);
      assert.ok(!(await Array.fromAsync(blobs.list())).includes(one));
      await assert.rejects(blobs.send(one, { start: 0, end: 7 }, new PassThrough()), { code: 'DataLoss' });
    });

    test('a second writer of a session goes on behind the first one’s bytes', async () => {
      const { id } = await blobs.startUpload('a');
      const hanging = new PassThrough();
      const first = blobs.append(id, hanging, limits);
      hanging.write('one ');
      await sleep(50);
      const second = await blobs.append(id, Readable.from([Buffer.from('two')]), limits);
      assert.deepEqual(await first, { offset: 4, complete: false });
      assert.deepEqual(second, { offset: 7, complete: true });
      assert.equal(await blobs.finishUpload(id, digestOf('one two')), 7);
      await assert.rejects(blobs.append(id, Readable.from([]), limits), { code: 'NotFound' });
    });
  });
}

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
