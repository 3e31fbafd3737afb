import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { listBlobs, storeImage, temporaryStore } from '../../test/fixtures/stored-image.ts';
import { type Digest, digestOf } from '../oci/index.ts';
import { collectGarbage, freeUnreferenced, fsck, openStore } from './index.ts';

const BLOB_SIZE = 6_000_000;

const [CHILD, ROOT, WORK, SEED] = process.argv.slice(2);
if (CHILD === 'child') {
  if (WORK === 'ingest') await ingestBlob(ROOT as string, SEED as string);
  else await doEverything(ROOT as string, SEED as string);
} else defineTests();

/** The same bytes for the same seed, in every process. */
function bytesOf(seed: string, size: number): Buffer {
  const block = createHash('sha512').update(seed).digest();
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 64) {
    block.writeUInt32LE(at, 0);
    block.copy(bytes, at);
  }
  return bytes;
}

/** Stores images, renames and removes them, collects, without end. Says when it has begun. */
async function doEverything(root: string, seed: string): Promise<void> {
  const store = await openStore(root);
  process.send?.('begun');
  for (let n = 0; ; n++) {
    const layers = [Buffer.from('base'), bytesOf(`${seed} ${n % 3}`, 300_000 + n)];
    {
      // Others remove the first name, and with it the image, before it has its second: the lease keeps its blobs.
      await using _lease = await store.lease();
      const { descriptor } = await storeImage(store, { name: `image-${n % 4}`, layers });
      await store.images.set(`also-${n % 2}`, descriptor);
    }
    const gone = await store.images.delete(`image-${(n + 1) % 4}`);
    if (gone) await freeUnreferenced(store, gone.descriptor);
    if (n % 3 === 2) await collectGarbage(store);
  }
}

/** Writes one blob in small pieces, and says how far it has come. */
async function ingestBlob(root: string, seed: string): Promise<void> {
  const store = await openStore(root);
  const bytes = bytesOf(seed, BLOB_SIZE);
  await using ingest = await store.content.ingest({ digest: digestOf(bytes), size: bytes.length });
  if ('exists' in ingest) {
    process.send?.('exists');
    return;
  }
  process.send?.(`from ${ingest.offset}`);
  for (let at = ingest.offset; at < bytes.length; at += 100_000) {
    await ingest.write(bytes.subarray(at, at + 100_000));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await ingest.commit();
  process.send?.('committed');
}

function start(root: string, work: string, seed: string): ChildProcess {
  return spawn(process.execPath, [import.meta.filename, 'child', root, work, seed], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

function defineTests(): void {
  test('a process killed at any moment leaves a sound store, and the next one goes on', async (t) => {
    const store = await temporaryStore(t);
    await storeImage(store, { name: 'always' });
    const begin = async (seed: string): Promise<ChildProcess> => {
      const child = start(store.root, 'everything', seed);
      await once(child, 'message');
      return child;
    };
    const running = [await begin('first')];
    for (let round = 0; round < 30; round++) {
      running.push(await begin(round % 2 ? 'same' : `${round}`));
      await new Promise((resolve) => setTimeout(resolve, (round * 37) % 150));
      const victim = running.shift() as ChildProcess;
      const exit = once(victim, 'exit');
      victim.kill('SIGKILL');
      assert.deepEqual(await exit, [null, 'SIGKILL'], 'it ran until it was killed');
      assert.deepEqual(await fsck(store), [], `after round ${round}, while another writes`);
    }
    for (const child of running) {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    await storeImage(store, { name: 'after' });
    await collectGarbage(store, { ingestAge: -1 });
    assert.deepEqual(await fsck(store), []);
    assert.ok(await store.images.get('always'));

    for (const { name, descriptor } of await store.images.list()) {
      if (name === 'always') continue;
      await store.images.deleteDescriptor(descriptor.digest);
    }
    await collectGarbage(store);
    assert.equal((await listBlobs(store)).length, 3, 'nothing is held for ever');
  });

  test('what a killed writer had is taken up', async (t) => {
    const store = await temporaryStore(t);
    const digest = digestOf(bytesOf('resumed', BLOB_SIZE));
    const first = start(store.root, 'ingest', 'resumed');
    assert.deepEqual((await once(first, 'message'))[0], 'from 0');
    await grown(store.root, digest, 2_000_000);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const second = start(store.root, 'ingest', 'resumed');
    const [text] = await once(second, 'message');
    assert.ok(Number(String(text).slice('from '.length)) >= 2_000_000, String(text));
    assert.deepEqual(await once(second, 'message').then(([said]) => said), 'committed');
    await once(second, 'exit');
    assert.deepEqual(await fsck(store), []);
    assert.equal((await store.content.stat(digest))?.size, BLOB_SIZE);
  });

  test('of two processes that write one blob, one writes and the other finds it', async (t) => {
    const store = await temporaryStore(t);
    const children = [start(store.root, 'ingest', 'shared'), start(store.root, 'ingest', 'shared')];
    const said = await Promise.all(
      children.map(async (child) => {
        const words: string[] = [];
        child.on('message', (word) => words.push(String(word)));
        assert.deepEqual(await once(child, 'exit'), [0, null]);
        return words.join(', ');
      }),
    );
    assert.deepEqual(said.sort(), ['exists', 'from 0, committed']);
  });
}

/** Waits until an ingest has so many bytes on disk. */
async function grown(root: string, digest: Digest, size: number): Promise<void> {
  const { stat } = await import('node:fs/promises');
  const path = `${root}/ingests/${digest.replace(':', '-')}/data`;
  while ((await stat(path)).size < size) await new Promise((resolve) => setTimeout(resolve, 5));
}
