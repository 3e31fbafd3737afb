import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { hasCode } from '../std/index.ts';
import { ByteRing } from './byte-ring.ts';

/** A thread that hashes what comes through the ring. */
function reader(ring: ByteRing): Worker {
  const code = `
    const { createHash } = require('node:crypto');
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ ByteRing }) => {
      const hash = createHash('sha256');
      try {
        for (const bytes of new ByteRing(workerData.shared).read()) hash.update(bytes);
        parentPort.postMessage(hash.digest('hex'));
      } catch (error) {
        parentPort.postMessage(error.code);
      }
    });`;
  return new Worker(code, {
    eval: true,
    workerData: { module: import.meta.resolve('./byte-ring.ts'), shared: ring.shared },
  });
}

test('what is written in one thread is read in another, whatever the sizes, more than the ring holds', async () => {
  const ring = new ByteRing();
  const worker = reader(ring);
  const answer = once(worker, 'message');
  const hash = createHash('sha256');
  const bytes = randomBytes(3 << 20);
  for (const size of [1, 0, 511, 70_000, 3 << 20, 2 << 20, 3 << 20, 5, 1 << 20, 3 << 20]) {
    const chunk = bytes.subarray(0, size);
    hash.update(chunk);
    assert.equal(await ring.write(chunk), true);
  }
  ring.end();
  assert.deepEqual(await answer, [hash.digest('hex')]);
  await worker.terminate();
});

test('a reader that waits hears that nothing more will come', async () => {
  const ring = new ByteRing();
  const worker = reader(ring);
  const answer = once(worker, 'message');
  await ring.write(Buffer.from('x'));
  await turn();
  ring.stop();
  assert.deepEqual(await answer, ['Conflict']);
  await worker.terminate();
});

test('a writer that waits for room hears that nobody reads any more', async () => {
  const ring = new ByteRing();
  const writing = ring.write(Buffer.alloc(16 << 20));
  for (const bytes of new ByteRing(ring.shared).read()) if (bytes.length > 0) break;
  assert.equal(await writing, false);
  assert.equal(await ring.write(Buffer.from('x')), false);
});

test('an end comes after all that was written before it', async () => {
  const ring = new ByteRing();
  await ring.write(Buffer.from('abc'));
  ring.end();
  ring.stop(); // too late
  assert.equal(Buffer.concat([...ring.read()].map((bytes) => Buffer.from(bytes))).toString(), 'abc');
  ring.reset();
  await ring.write(Buffer.from('d'));
  ring.stop();
  assert.throws(
    () => [...ring.read()],
    (error) => hasCode(error, 'Conflict'),
  );
});
