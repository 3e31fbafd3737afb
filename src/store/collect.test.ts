import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import {
  listBlobs,
  putDocument,
  type StoredImage,
  storeImage,
  temporaryStore,
} from '../../test/fixtures/stored-image.ts';
import { type Digest, digestOf, MediaType } from '../oci/index.ts';
import { EngineError, hasCode } from '../std/index.ts';
import { collectGarbage, freeUnreferenced, fsck, openStore, type SnapshotSweep, type Store } from './index.ts';

/** Snapshots in memory, with the one rule that matters here: what has children stays. */
function snapshotsOf(...images: StoredImage[]): SnapshotSweep & { names: Map<string, string | undefined> } {
  const names = new Map<string, string | undefined>();
  const active = new Map<string, string>();
  for (const { chains } of images) for (const [index, chain] of chains.entries()) names.set(chain, chains[index - 1]);
  return {
    names,
    async *list() {
      for (const [name, parent] of names) {
        yield { name, kind: name.startsWith('sha') ? 'committed' : 'active', ...(parent && { parent }) } as const;
      }
      for (const [name, parent] of active) yield { name, kind: 'active', parent } as const;
    },
    async remove(name) {
      if ([...names.values()].includes(name)) throw new EngineError('Conflict', `${name} has children`);
      names.delete(name);
    },
    usage: async () => ({ bytes: 10 }),
  };
}

/** No roots, and something else that happens while a collection asks for them. */
async function* noRoots(meanwhile: () => Promise<void>): AsyncGenerator<Digest> {
  await meanwhile();
  yield* [];
}

async function withLayers(t: TestContext, ...layers: string[]): Promise<{ store: Store; image: StoredImage }> {
  const store = await temporaryStore(t);
  return { store, image: await storeImage(store, { name: 'a', layers: layers.map((text) => Buffer.from(text)) }) };
}

test('what an image names stays, everything else goes', async (t) => {
  const { store, image } = await withLayers(t, 'one', 'two');
  const waste = await store.content.put(randomBytes(100));
  const dry = await collectGarbage(store, { dryRun: true });
  assert.deepEqual(dry, { removedBlobs: [waste], removedSnapshots: [], bytes: 100 });
  assert.deepEqual(await collectGarbage(store), dry);
  assert.deepEqual(await listBlobs(store), [...image.blobs].sort());
});

test('a dangling image stays until its record goes', async (t) => {
  const store = await temporaryStore(t);
  const { descriptor, blobs } = await storeImage(store);
  assert.equal((await collectGarbage(store)).removedBlobs.length, 0);
  await store.images.deleteDescriptor(descriptor.digest);
  assert.deepEqual((await collectGarbage(store)).removedBlobs.sort(), [...blobs].sort());
});

test('an index keeps its children, whichever are here', async (t) => {
  const store = await temporaryStore(t);
  const child = await storeImage(store);
  const absent = { mediaType: MediaType.ociManifest, digest: digestOf('elsewhere'), size: 9 };
  const index = await putDocument(store, MediaType.ociIndex, {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: [child.descriptor, absent],
  });
  await store.images.set('multi', index);
  await store.images.deleteDescriptor(child.descriptor.digest);
  assert.deepEqual((await collectGarbage(store)).removedBlobs, []);
});

test('what refers to an image stays with it and goes with it', async (t) => {
  const store = await temporaryStore(t);
  const image = await storeImage(store, { name: 'a' });
  const signature = await storeImage(store, { subject: image.descriptor });
  const onSignature = await storeImage(store, { subject: signature.descriptor });
  for (const { descriptor } of [signature, onSignature]) await store.images.deleteDescriptor(descriptor.digest);
  assert.deepEqual((await collectGarbage(store)).removedBlobs, []);
  await store.images.delete('a');
  assert.equal((await collectGarbage(store)).removedBlobs.length, 9);
});

test('an image that calls the manifest of another its layer does not hide what that names', async (t) => {
  const { store, image } = await withLayers(t, 'one');
  const manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: image.config,
    layers: [{ ...image.descriptor, mediaType: MediaType.ociLayer }],
  };
  const hostile = await putDocument(store, MediaType.ociManifest, manifest);
  await store.images.update((records) => [{ name: 'hostile', descriptor: hostile }, ...records]);
  assert.deepEqual((await collectGarbage(store)).removedBlobs, []);
});

test('roots keep an image without a record, its snapshots too', async (t) => {
  const { store, image } = await withLayers(t, 'one', 'two');
  const snapshots = snapshotsOf(image);
  await store.images.delete('a');
  for (const root of [image.descriptor.digest, image.config.digest]) {
    const roots = async function* (): AsyncGenerator<Digest> {
      yield root;
    };
    const { removedSnapshots } = await collectGarbage(store, { roots, snapshots, dryRun: true });
    assert.deepEqual(removedSnapshots, []);
  }
  const { removedSnapshots, removedBlobs, bytes } = await collectGarbage(store, { snapshots });
  assert.deepEqual(removedSnapshots, [...image.chains].reverse());
  assert.equal(removedBlobs.length, 4);
  assert.ok(bytes > 20);
});

test('snapshots under an active one stay', async (t) => {
  const { store, image } = await withLayers(t, 'one', 'two', 'three');
  const snapshots = snapshotsOf(image);
  snapshots.names.set('container', image.chains[1]);
  await store.images.delete('a');
  assert.deepEqual((await collectGarbage(store, { snapshots })).removedSnapshots, [image.chains[2]]);
});

test('what was written or touched since a live lease began stays', async (t) => {
  const store = await temporaryStore(t);
  const [old, used] = [await store.content.put(Buffer.from('old')), await store.content.put(Buffer.from('used'))];
  await new Promise((resolve) => setTimeout(resolve, 30));
  const lease = await store.lease();
  const fresh = await store.content.put(Buffer.from('fresh'));
  assert.equal(await store.content.touch(used), true);
  assert.deepEqual((await collectGarbage(store)).removedBlobs, [old]);
  await lease[Symbol.asyncDispose]();
  assert.deepEqual((await collectGarbage(store)).removedBlobs.sort(), [fresh, used].sort());
});

test('putting or ingesting what is there already counts as its touch', async (t) => {
  const store = await temporaryStore(t);
  const [put, ingested] = [Buffer.from('put'), Buffer.from('ingested')];
  const past = new Date(Date.now() - 1e6);
  for (const bytes of [put, ingested]) {
    await store.content.put(bytes);
    await utimes(store.content.path(digestOf(bytes)), past, past);
  }
  await using _lease = await store.lease();
  await store.content.put(put);
  assert.ok('exists' in (await store.content.ingest({ digest: digestOf(ingested) })));
  assert.deepEqual((await collectGarbage(store)).removedBlobs, []);
});

test('what was resumed is as fresh as what was written', async (t) => {
  const store = await temporaryStore(t);
  const bytes = Buffer.from('whole but not committed');
  const digest = digestOf(bytes);
  const first = await store.content.ingest({ digest });
  assert.ok(!('exists' in first));
  await first.write(bytes);
  await first[Symbol.asyncDispose]();
  const past = new Date(Date.now() - 1e6);
  await utimes(join(store.root, 'ingests', digest.replace(':', '-'), 'data'), past, past);
  await using _lease = await store.lease();
  await using second = await store.content.ingest({ digest });
  assert.ok(!('exists' in second) && second.offset === bytes.length);
  await second.commit();
  assert.deepEqual((await collectGarbage(store)).removedBlobs, []);
});

test('what is touched or comes while a collection runs stays, lease or not', async (t) => {
  const store = await temporaryStore(t);
  const digest = await store.content.put(Buffer.from('old'));
  const waste = await store.content.put(Buffer.from('waste'));
  const roots = (): AsyncGenerator<Digest> =>
    noRoots(async () => {
      await store.content.touch(digest);
      await store.content.put(Buffer.from('new'));
    });
  assert.deepEqual((await collectGarbage(store, { roots })).removedBlobs, [waste]);
});

test('a name that is given while a collection runs holds', async (t) => {
  const { store, image } = await withLayers(t, 'one');
  const past = new Date(Date.now() - 1e6);
  const snapshots = snapshotsOf(image);
  await store.images.delete('a');
  for (const digest of image.blobs) await utimes(store.content.path(digest), past, past);
  const roots = (): AsyncGenerator<Digest> =>
    noRoots(async () => {
      await store.images.set('b', image.descriptor);
    });
  const { removedBlobs, removedSnapshots } = await collectGarbage(store, { roots, snapshots });
  assert.deepEqual([removedBlobs, removedSnapshots], [[], []]);
});

test('a lease keeps what it names, however old, and all that names', async (t) => {
  const { store, image } = await withLayers(t, 'one');
  await store.images.delete('a');
  const past = new Date(Date.now() - 1e6);
  for (const digest of image.blobs) await utimes(store.content.path(digest), past, past);
  {
    await using lease = await store.lease();
    const gone = digestOf('gone');
    assert.deepEqual(await lease.add(image.descriptor.digest, gone), [image.descriptor.digest]);
    assert.deepEqual((await collectGarbage(store)).removedBlobs, []);
  }
  assert.equal((await collectGarbage(store)).removedBlobs.length, 3);
  assert.deepEqual(await readdir(join(store.root, 'leases')), []);
});

test('no snapshot goes while a lease lives: its holder may have found it', async (t) => {
  const { store, image } = await withLayers(t, 'one');
  const snapshots = snapshotsOf(image);
  await store.images.delete('a');
  {
    await using _lease = await store.lease();
    assert.deepEqual((await collectGarbage(store, { snapshots })).removedSnapshots, []);
  }
  assert.deepEqual((await collectGarbage(store, { snapshots })).removedSnapshots, image.chains);
});

test('a damaged manifest stops the collection before anything is lost', async (t) => {
  const { store, image } = await withLayers(t, 'one');
  await writeFile(store.content.path(image.descriptor.digest), '{}');
  await assert.rejects(collectGarbage(store), (error) => hasCode(error, 'DataLoss'));
  assert.equal((await listBlobs(store)).length, 3);
});

test('layer records go with the last image that has the layer', async (t) => {
  const { store, image } = await withLayers(t, 'one');
  const [diffID] = image.diffIDs as [Digest];
  const compressed = { mediaType: MediaType.ociLayerGzip, digest: digestOf('gz'), size: 2 };
  await store.layers.addCompressed(diffID, compressed);
  await collectGarbage(store);
  assert.deepEqual(await store.layers.compressed(diffID), [compressed]);
  await store.images.delete('a');
  await collectGarbage(store);
  assert.deepEqual(await store.layers.compressed(diffID), []);
  assert.equal(await store.layers.diffIDOf(compressed.digest), undefined);
});

test('what crashes left is removed once it can not be anyone’s', async (t) => {
  const store = await temporaryStore(t);
  const old = new Date(Date.now() - 2 * 24 * 3_600_000);
  const left = [
    'index.json.tmp-0a',
    'ingests/.tmp-0a',
    'leases/.tmp-0a',
    'leases/0a',
    'leases/0a.digests',
    'trash/0a/b',
  ];
  for (const name of left) {
    const path = join(store.root, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, '');
    await utimes(path, old, old);
  }
  const abandoned = await store.content.ingest({ digest: digestOf('half') });
  assert.ok(!('exists' in abandoned));
  await abandoned.write(Buffer.from('ha'));
  await abandoned[Symbol.asyncDispose]();
  await collectGarbage(store);
  for (const name of left) await assert.rejects(stat(join(store.root, name)), name);
  assert.equal((await readdir(join(store.root, 'ingests'))).length, 1);
  await collectGarbage(store, { ingestAge: -1 });
  assert.deepEqual(await readdir(join(store.root, 'ingests')), []);
});

test('an ingest that is being written is never stale', async (t) => {
  const store = await temporaryStore(t);
  const bytes = Buffer.from('slowly');
  await using ingest = await store.content.ingest({ digest: digestOf(bytes) });
  assert.ok(!('exists' in ingest));
  await collectGarbage(store, { ingestAge: -1 });
  await ingest.write(bytes);
  await ingest.commit();
});

test('rmi frees what is the image’s own, and says what went', async (t) => {
  const store = await temporaryStore(t);
  const base = await storeImage(store, { name: 'base', layers: [Buffer.from('shared')] });
  const child = await storeImage(store, { name: 'child', layers: [Buffer.from('shared'), Buffer.from('own')] });
  const snapshots = snapshotsOf(base, child);
  await store.images.delete('child');
  const freed = await freeUnreferenced(store, child.descriptor, { snapshots });
  assert.deepEqual(freed.images, [child.config.digest]);
  assert.deepEqual(freed.chains, [child.chains[1]]);
  assert.deepEqual(freed.removedSnapshots, [child.chains[1]]);
  assert.deepEqual(
    freed.removedBlobs.sort(),
    [child.descriptor.digest, child.config.digest, child.layers[1]?.digest].sort(),
  );
  assert.deepEqual(await listBlobs(store), [...base.blobs].sort());
});

test('rmi leaves an image that still has a name, and what a lease spares', async (t) => {
  const { store, image } = await withLayers(t, 'one');
  await store.images.set('b', image.descriptor);
  await store.images.delete('a');
  const kept = await freeUnreferenced(store, image.descriptor);
  assert.deepEqual(kept, { images: [], chains: [], removedBlobs: [], removedSnapshots: [], bytes: 0 });

  await store.images.delete('b');
  await using lease = await store.lease();
  await lease.add(image.descriptor.digest);
  assert.deepEqual((await freeUnreferenced(store, image.descriptor)).removedBlobs, []);
});

test('whatever writers and collectors do at once, no image loses anything', async (t) => {
  const store = await temporaryStore(t);
  const layers = Array.from({ length: 6 }, (_, n) => Buffer.from(`layer ${n}`));
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('store' as const),
        name: fc.nat(3),
        layers: fc.subarray(layers, { minLength: 1 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), name: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('collect' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('check' as const) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), async (steps) => {
      await Promise.all(
        steps.map(async (what) => {
          const mine = await openStore(store.root);
          if (what.do === 'store') await storeImage(mine, { name: `image-${what.name}`, layers: what.layers });
          else if (what.do === 'collect') await collectGarbage(mine);
          else if (what.do === 'check') assert.deepEqual(await fsck(mine), []);
          else {
            const gone = await mine.images.delete(`image-${what.name}`);
            if (gone) await freeUnreferenced(mine, gone.descriptor);
          }
        }),
      );
      assert.deepEqual(await fsck(store), []);
    }),
    { numRuns: 12 },
  );
});
