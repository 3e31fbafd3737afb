import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { storeImage, temporaryStore } from '../../test/fixtures/stored-image.ts';
import { digestOf, MediaType } from '../oci/index.ts';
import { hasCode } from '../std/index.ts';
import { openStore } from './index.ts';

const [CHILD, ROOT, WHO] = process.argv.slice(2);
if (CHILD === 'child') await setAndDelete(ROOT as string, WHO as string);
else defineTests();

/** Sets twenty names of its own and takes ten of them away. */
async function setAndDelete(root: string, who: string): Promise<void> {
  const store = await openStore(root);
  const descriptor = (await store.images.get('base'))?.descriptor;
  assert.ok(descriptor);
  for (let n = 0; n < 20; n++) await store.images.set(`${who}:${n}`, descriptor);
  for (let n = 0; n < 20; n += 2) await store.images.delete(`${who}:${n}`);
}

function defineTests(): void {
  test('a name means what it was last set to', async (t) => {
    const store = await temporaryStore(t);
    const before = new Date();
    const { descriptor } = await storeImage(store, { name: 'docker.io/library/a:1', source: 'docker.io/library/a:1' });
    const record = await store.images.get('docker.io/library/a:1');
    assert.ok(record?.tagged && record.tagged >= before);
    assert.deepEqual(record, {
      name: 'docker.io/library/a:1',
      descriptor,
      source: 'docker.io/library/a:1',
      tagged: record.tagged,
    });
    assert.deepEqual(await store.images.list(), [record]);
    assert.equal(await store.images.get('docker.io/library/a:2'), undefined);
  });

  test('an image that loses its name dangles until another name holds it', async (t) => {
    const store = await temporaryStore(t);
    const first = await storeImage(store, { name: 'a', source: 'from there' });
    const second = await storeImage(store, { name: 'b' });
    const before = await store.images.set('a', second.descriptor);
    assert.equal(before?.descriptor.digest, first.descriptor.digest);
    assert.deepEqual(
      (await store.images.list()).map(({ name, source }) => [name, source]),
      [
        ['b', undefined],
        [undefined, 'from there'],
        ['a', undefined],
      ],
    );
    await store.images.set('c', first.descriptor);
    assert.deepEqual(
      (await store.images.list()).map(({ name, source }) => [name, source]),
      [
        ['b', undefined],
        ['a', undefined],
        ['c', 'from there'],
      ],
    );
  });

  test('an image that has another name does not dangle', async (t) => {
    const store = await temporaryStore(t);
    const { descriptor } = await storeImage(store, { name: 'a' });
    await store.images.set('b', descriptor);
    await storeImage(store, { name: 'a' });
    assert.deepEqual(
      (await store.images.list()).map(({ name }) => name),
      ['b', 'a'],
    );
  });

  test('setting a name again to what it means keeps where it came from', async (t) => {
    const store = await temporaryStore(t);
    const { descriptor } = await storeImage(store, { name: 'a', source: 'there' });
    assert.equal((await store.images.set('a', descriptor))?.source, 'there');
    assert.deepEqual(
      (await store.images.list()).map(({ source }) => source),
      ['there'],
    );
  });

  test('an image without a name is kept once', async (t) => {
    const store = await temporaryStore(t);
    const { descriptor } = await storeImage(store);
    assert.equal(await store.images.set(undefined, descriptor), undefined);
    assert.equal((await store.images.list()).length, 1);
  });

  test('deleting takes the record away and gives it back', async (t) => {
    const store = await temporaryStore(t);
    const { descriptor } = await storeImage(store, { name: 'a' });
    await store.images.set('b', descriptor);
    assert.equal((await store.images.delete('a'))?.name, 'a');
    assert.equal(await store.images.delete('a'), undefined);
    await store.images.set('c', descriptor);
    assert.deepEqual(
      (await store.images.deleteDescriptor(descriptor.digest)).map(({ name }) => name),
      ['b', 'c'],
    );
    assert.deepEqual(await store.images.list(), []);
  });

  test('an image whose manifest is not in the store gets no name', async (t) => {
    const store = await temporaryStore(t);
    const descriptor = { mediaType: MediaType.ociManifest, digest: digestOf('gone'), size: 4 };
    await assert.rejects(store.images.set('a', descriptor), (error) => hasCode(error, 'NotFound'));
    assert.deepEqual(await store.images.list(), []);
  });

  test('what another program wrote into index.json stays', async (t) => {
    const store = await temporaryStore(t);
    const { descriptor } = await storeImage(store, { name: 'a' });
    const path = join(store.root, 'index.json');
    const index = JSON.parse(await readFile(path, 'utf8'));
    index.annotations = { 'com.example': 'kept' };
    index.manifests[0].annotations['com.example'] = 'kept too';
    await writeFile(path, JSON.stringify(index));
    await store.images.set('b', descriptor);
    const after = JSON.parse(await readFile(path, 'utf8'));
    assert.deepEqual(after.annotations, { 'com.example': 'kept' });
    assert.equal(after.manifests[0].annotations['com.example'], 'kept too');
    assert.deepEqual((await store.images.list())[0]?.descriptor.annotations, { 'com.example': 'kept too' });
  });

  test('a damaged index.json is told, not taken for an empty one', async (t) => {
    const store = await temporaryStore(t);
    for (const text of ['', '{"manifests":', '[]x', '{"manifests":5}']) {
      await writeFile(join(store.root, 'index.json'), text);
      await assert.rejects(store.images.list(), (error) => hasCode(error, 'DataLoss'), text);
    }
  });

  test('four processes that set and delete at once lose nothing', async (t) => {
    const store = await temporaryStore(t);
    await storeImage(store, { name: 'base' });
    const children = ['w', 'x', 'y', 'z'].map((who) =>
      spawn(process.execPath, [import.meta.filename, 'child', store.root, who], { stdio: 'inherit' }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0]));
    assert.deepEqual(codes, [0, 0, 0, 0]);
    const names = (await store.images.list()).map(({ name }) => name).sort();
    const odd = Array.from({ length: 10 }, (_, n) => 2 * n + 1);
    assert.deepEqual(names, ['base', ...['w', 'x', 'y', 'z'].flatMap((who) => odd.map((n) => `${who}:${n}`))].sort());
  });
}
