import assert from 'node:assert/strict';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { listBlobs, putDocument, storeImage, temporaryStore } from '../../test/fixtures/stored-image.ts';
import { type Descriptor, type Digest, digestOf, MediaType } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { fsck, type Store } from './index.ts';

async function kindsOf(store: Store): Promise<string[]> {
  return (await fsck(store)).map(({ kind }) => kind);
}

test('a sound store has no findings, compressed layers and unreferenced blobs included', async (t) => {
  const store = await temporaryStore(t);
  await storeImage(store, { name: 'a', layers: [Buffer.from('1'), Buffer.from('2')], gzip: true });
  await storeImage(store, { name: 'b' });
  await store.content.put(Buffer.from('nobody’s'));
  const checked: string[] = [];
  assert.deepEqual(await fsck(store, { report: ({ id }) => checked.push(id) }), []);
  assert.deepEqual(checked.sort(), await listBlobs(store));
});

test('a damaged layer is told with the images it hits, and pulled again', async (t) => {
  const store = await temporaryStore(t);
  const image = await storeImage(store, { name: 'a', source: 'there/a' });
  const other = await storeImage(store, { name: 'b' });
  const path = store.content.path(image.layers[0]?.digest as Digest);
  const good = await readFile(path);
  await writeFile(path, good.subarray(0, 1000));

  const kinds = new Set((await fsck(store)).map(({ kind, hits }) => `${kind} ${hits}`));
  assert.ok(kinds.has('blob a'));

  const pulled: string[] = [];
  const findings = await fsck(store, {
    repair: true,
    pull: async ({ source }) => {
      pulled.push(source);
      await store.content.put(good);
      return image.descriptor;
    },
  });
  assert.deepEqual(pulled, ['there/a']);
  assert.match(findings.find(({ kind }) => kind === 'blob')?.repair ?? '', /removed; pulled again from there\/a/);
  assert.deepEqual(await fsck(store), []);
  assert.deepEqual(await listBlobs(store), [...image.blobs, ...other.blobs].sort());
});

test('an image made here that lost a layer is removed, and that is said', async (t) => {
  const store = await temporaryStore(t);
  const image = await storeImage(store, { name: 'mine' });
  await storeImage(store, { name: 'fine' });
  await rm(store.content.path(image.layers[0]?.digest as Digest));
  const [finding] = await fsck(store, { repair: true });
  assert.equal(finding?.kind, 'missing');
  assert.deepEqual(finding.hits, ['mine']);
  assert.match(finding.repair ?? '', /image mine was removed: it was made here/);
  assert.deepEqual(
    (await store.images.list()).map(({ name }) => name),
    ['fine'],
  );
  assert.deepEqual(await fsck(store), []);
});

test('an image made here and pushed comes back as the push made it, under all its names', async (t) => {
  const store = await temporaryStore(t);
  const layers = [Buffer.from('made here')];
  const pushed = await storeImage(store, { name: 'pushed', layers, gzip: true });
  const image = await storeImage(store, { name: 'mine', layers, source: `there/mine@${pushed.descriptor.digest}` });
  await store.images.set('mine-too', image.descriptor);
  await store.images.delete('pushed');
  await rm(store.content.path(image.layers[0]?.digest as Digest));
  const [finding] = await fsck(store, { repair: true, pull: async () => pushed.descriptor });
  assert.match(finding?.repair ?? '', /pulled again from there\/mine@sha256.*, where it is compressed/);
  assert.deepEqual(
    (await store.images.list()).map(({ name, descriptor }) => [name, descriptor.digest]),
    ['mine', 'mine-too'].map((name) => [name, pushed.descriptor.digest]),
  );
  assert.deepEqual(await fsck(store), []);
});

test('an image whose registry can not be asked now is kept', async (t) => {
  const store = await temporaryStore(t);
  const image = await storeImage(store, { name: 'a', source: 'there/a' });
  await rm(store.content.path(image.config.digest));
  const pull = async (): Promise<never> => {
    throw new EngineError('Unavailable', 'no route to host');
  };
  const [finding] = await fsck(store, { repair: true, pull });
  assert.match(finding?.repair ?? '', /not repaired: pulling there\/a failed: no route to host/);
  assert.equal((await store.images.list()).length, 1);
});

test('an image that its registry has no longer, or has another of, is removed', async (t) => {
  const store = await temporaryStore(t);
  for (const outcome of ['gone', 'moved']) {
    const image = await storeImage(store, { name: 'a', source: 'there/a' });
    await rm(store.content.path(image.config.digest));
    const pull = async (): Promise<Descriptor> => {
      if (outcome === 'gone') throw new EngineError('NotFound', 'no such tag');
      return (await storeImage(store, { name: 'a', source: 'there/a' })).descriptor;
    };
    const [finding] = await fsck(store, { repair: true, pull });
    assert.match(finding?.repair ?? '', /was removed: there\/a has/);
    assert.deepEqual(await fsck(store), []);
  }
  assert.equal((await store.images.list()).length, 1);
});

test('a config that says other diffIDs than the layers have is found', async (t) => {
  const store = await temporaryStore(t);
  await storeImage(store, { name: 'a', gzip: true, diffIDs: [digestOf('something else')] });
  const [finding] = await fsck(store);
  assert.equal(finding?.kind, 'layer');
  assert.match(finding.what, /unpacks to sha256:.* its config says sha256/);
  await fsck(store, { repair: true });
  assert.deepEqual(await store.images.list(), []);
});

test('a manifest that contradicts what it names is found', async (t) => {
  const store = await temporaryStore(t);
  const { config, layers } = await storeImage(store, { name: 'a' });
  const wrong = await putDocument(store, MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { ...config, size: config.size + 1 },
    layers: [...layers, ...layers],
  });
  await store.images.set('b', wrong);
  const findings = await fsck(store);
  assert.deepEqual(
    findings.map(({ kind, hits }) => [kind, ...hits]),
    [
      ['manifest', 'b'],
      ['manifest', 'b'],
    ],
  );
});

test('an index of which nothing is here is found, a sparse one is sound', async (t) => {
  const store = await temporaryStore(t);
  const child = await storeImage(store);
  const absent = { mediaType: MediaType.ociManifest, digest: digestOf('x'), size: 1 };
  const indexOf = (manifests: object[]): object => ({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  await store.images.set('sparse', await putDocument(store, MediaType.ociIndex, indexOf([absent, child.descriptor])));
  assert.deepEqual(await fsck(store), []);
  await store.images.set('empty', await putDocument(store, MediaType.ociIndex, indexOf([absent])));
  assert.deepEqual(
    (await fsck(store)).map(({ kind, hits }) => [kind, ...hits]),
    [['missing', 'empty']],
  );
});

test('derived records that are damaged are removed', async (t) => {
  const store = await temporaryStore(t);
  const diffID = digestOf('layer');
  await store.layers.addCompressed(diffID, { mediaType: MediaType.ociLayerGzip, digest: digestOf('gz'), size: 1 });
  await writeFile(store.layers.tocPath(diffID), 'no TOC');
  await writeFile(join(store.layers.folder(diffID), 'compressed.json'), '[{]');
  await writeFile(join(store.root, 'layers/by-blob', `sha256-${'a'.repeat(64)}`), 'sha256:../..');
  assert.deepEqual((await kindsOf(store)).sort(), ['record', 'record', 'toc']);
  for (const { repair } of await fsck(store, { repair: true })) assert.match(repair ?? '', /removed/);
  assert.deepEqual(await kindsOf(store), []);
});

test('what an old crash left and what is no blob is found, what is new is not', async (t) => {
  const store = await temporaryStore(t);
  const old = new Date(Date.now() - 2 * 3_600_000);
  for (const [name, time] of [
    ['index.json.tmp-1', old],
    ['blobs/sha256/odd', old],
    ['blobs/sha256/new', new Date()],
  ] as const) {
    await writeFile(join(store.root, name), '');
    await utimes(join(store.root, name), time, time);
  }
  assert.deepEqual(await kindsOf(store), ['leftover', 'leftover']);
  await fsck(store, { repair: true });
  assert.deepEqual(await kindsOf(store), []);
});

test('a lost index.json is made again from the blobs', async (t) => {
  const store = await temporaryStore(t);
  const plain = await storeImage(store, { name: 'a' });
  const child = await storeImage(store, { name: 'b' });
  const index = await putDocument(store, MediaType.ociIndex, {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: [child.descriptor],
  });
  for (const text of [undefined, 'damaged', '{}}']) {
    const path = join(store.root, 'index.json');
    if (text === undefined) await rm(path);
    else await writeFile(path, text);
    assert.deepEqual(await kindsOf(store), ['index']);
    await fsck(store, { repair: true });
    const digests = (await store.images.list()).map(({ descriptor }) => descriptor.digest);
    assert.deepEqual(digests.sort(), [plain.descriptor.digest, index.digest].sort());
    assert.deepEqual(await fsck(store), []);
  }
});

test('entries of index.json that are no descriptors are told and taken out', async (t) => {
  const store = await temporaryStore(t);
  await storeImage(store, { name: 'a' });
  const path = join(store.root, 'index.json');
  const index = JSON.parse(await readFile(path, 'utf8'));
  const hostile = { mediaType: MediaType.ociManifest, digest: 'sha256:../../../etc/passwd', size: 1 };
  index.manifests.push(hostile, null, { ...index.manifests[0], mediaType: 'no type' });
  await writeFile(path, JSON.stringify(index));
  assert.deepEqual(
    (await store.images.list()).filter(({ descriptor }) => descriptor.digest.includes('..')),
    [],
  );
  assert.deepEqual(
    new Set(await kindsOf(store)),
    new Set(['index', 'manifest']).intersection(new Set(await kindsOf(store))),
  );
  await fsck(store, { repair: true });
  assert.deepEqual(await fsck(store), []);
  assert.deepEqual(
    (await store.images.list()).map(({ name }) => name),
    ['a'],
  );
});

test('a checker of snapshots is asked, and tells whom its findings hit', async (t) => {
  const store = await temporaryStore(t);
  const image = await storeImage(store, { name: 'a' });
  const snapshots = {
    async *check({ repair }: { repair: boolean }) {
      yield { what: 'a file differs', name: image.chains[0] as string, ...(repair && { repair: 'removed' }) };
    },
  };
  assert.deepEqual(await fsck(store, { snapshots }), [{ kind: 'snapshot', what: 'a file differs', hits: ['a'] }]);
  assert.equal((await fsck(store, { snapshots, repair: true }))[0]?.repair, 'removed');
  assert.equal((await store.images.list()).length, 1);
});

test('a check can be stopped', async (t) => {
  const store = await temporaryStore(t);
  await storeImage(store, { name: 'a' });
  await mkdir(join(store.root, 'x'), { recursive: true });
  await assert.rejects(fsck(store, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
});
