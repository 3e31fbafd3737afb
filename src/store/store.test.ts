import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { storeImage, temporaryFolder, temporaryStore } from '../../test/fixtures/stored-image.ts';
import { type Digest, digestOf, MediaType } from '../oci/index.ts';
import { hasCode } from '../std/index.ts';
import { prepareState } from './format.ts';
import { announceUse, collectGarbage, fsck, openStore, trash } from './index.ts';

const run = promisify(execFile);

function programOrSkip(t: TestContext, name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`]);
    return true;
  } catch {
    t.skip(`${name} is not installed`);
    return false;
  }
}

test('a fresh state folder lets through and shows nothing', async (t) => {
  const { root } = await temporaryStore(t);
  assert.equal((await stat(root)).mode & 0o777, 0o711);
  for (const name of await readdir(root)) {
    assert.equal((await stat(join(root, name))).mode & 0o077, 0, `${name} is private`);
  }
  assert.equal(await readFile(join(root, 'oci-layout'), 'utf8'), '{"imageLayoutVersion":"1.0.0"}');
});

test('many that open a new folder at once find one state', async (t) => {
  const root = join(await temporaryFolder(t), 'deep', 'state');
  const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(root)));
  await storeImage(stores[0] as never, { name: 'a' });
  for (const store of stores) assert.equal((await store.images.list()).length, 1);
});

test('a layout that another program made is taken over with its images', async (t) => {
  const first = await temporaryStore(t);
  await storeImage(first, { name: 'a' });
  await rm(join(first.root, 'format'));
  const second = await openStore(first.root);
  assert.deepEqual(
    (await second.images.list()).map(({ name }) => name),
    ['a'],
  );
});

test('the state of a newer program is refused and left as it is', async (t) => {
  const { root } = await temporaryStore(t);
  await writeFile(join(root, 'format'), '{"version":99}');
  await assert.rejects(
    openStore(root),
    (error) => hasCode(error, 'Conflict') && /format 99.*newer strata/.test(String(error)),
  );
  assert.equal(await readFile(join(root, 'format'), 'utf8'), '{"version":99}');
});

test('an unreadable format is told, not overwritten', async (t) => {
  const { root } = await temporaryStore(t);
  for (const text of ['', 'x', '{"version":"1"}', '{"version":0}']) {
    await writeFile(join(root, 'format'), text);
    await assert.rejects(openStore(root), (error) => hasCode(error, 'DataLoss'));
  }
});

test('an older state is brought up step by step, once, and goes on where it was cut off', async (t) => {
  const { root } = await temporaryStore(t);
  const steps: number[] = [];
  let fail = true;
  const upgrades = [2, 3].map((version) => ({
    version,
    async run() {
      steps.push(version);
      if (version === 3 && fail) throw new Error('cut off');
    },
  }));
  await assert.rejects(prepareState(root, upgrades), /cut off/);
  fail = false;
  await Promise.all([prepareState(root, upgrades), prepareState(root, upgrades)]);
  assert.deepEqual(steps, [2, 3, 3]);
  await assert.rejects(openStore(root), (error) => hasCode(error, 'Conflict'));
});

test('opening and reading loads no native code', async (t) => {
  const store = await temporaryStore(t);
  const { descriptor } = await storeImage(store, { name: 'a' });
  const door = join(import.meta.dirname, 'index.ts');
  const program = `
    import { openStore, announceUse } from ${JSON.stringify(door)};
    const store = await openStore(${JSON.stringify(store.root)});
    const [record] = await store.images.list();
    await store.content.read(record.descriptor.digest);
    await announceUse(store);
    const { createRequire } = await import('node:module');
    const loaded = Object.keys(createRequire(${JSON.stringify(door)}).cache).filter((file) => file.includes('koffi'));
    console.log(record.descriptor.digest, loaded.length);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program]);
  assert.equal(stdout, `${descriptor.digest} 0\n`);
});

test('a lock is held by one, its name can not leave the folder', async (t) => {
  const store = await temporaryStore(t);
  const order: string[] = [];
  const hold = async (who: string): Promise<void> => {
    using _lock = await store.lock('build');
    order.push(`${who} in`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push(`${who} out`);
  };
  await Promise.all([hold('a'), hold('b')]);
  assert.deepEqual(order, ['a in', 'a out', 'b in', 'b out']);
  for (const name of ['../x', '', '.', 'a/b', 'x\0', '-x']) {
    await assert.rejects(
      async () => store.lock(name),
      (error) => hasCode(error, 'InvalidArgument'),
    );
  }
});

test('trash takes a whole tree, and does not mind what is gone', async (t) => {
  const store = await temporaryStore(t);
  const tree = join(store.root, 'snapshots', 'x');
  await mkdir(join(tree, 'a', 'b'), { recursive: true });
  await trash(store, tree);
  await trash(store, tree);
  assert.deepEqual(await readdir(join(store.root, 'snapshots')), []);
  assert.deepEqual(await readdir(join(store.root, 'trash')), []);
});

test('a pair of layer and compressed blob is known from both sides', async (t) => {
  const { layers } = await temporaryStore(t);
  const [diffID, other] = [digestOf('layer'), digestOf('other')];
  const gzip = { mediaType: MediaType.ociLayerGzip, digest: digestOf('gz'), size: 3 };
  const zstd = { mediaType: MediaType.ociLayerZstd, digest: digestOf('zst'), size: 2 };
  await Promise.all([layers.addCompressed(diffID, gzip), layers.addCompressed(diffID, zstd)]);
  await layers.addCompressed(diffID, { ...gzip, annotations: { a: 'b' } });
  assert.deepEqual(await layers.compressed(diffID), [gzip, zstd]);
  assert.equal(await layers.diffIDOf(zstd.digest), diffID);
  assert.equal(await layers.diffIDOf(other), undefined);
  const listed: Digest[] = [];
  for await (const found of layers.list()) listed.push(found);
  assert.deepEqual(listed, [diffID]);
});

test('who announces a use while nobody collects goes on at once', async (t) => {
  const store = await temporaryStore(t);
  assert.equal(await announceUse(store), false);
});

test('who announces a use while somebody collects waits, and looks again', async (t) => {
  const store = await temporaryStore(t);
  await storeImage(store, { name: 'a' });
  let announced: Promise<boolean> | undefined;
  let over = false;
  const roots = async function* (): AsyncGenerator<Digest> {
    announced = announceUse(store).then((collected) => {
      assert.ok(over, 'it waited');
      return collected;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    over = true;
    yield* [];
  };
  await collectGarbage(store, { roots });
  assert.equal(await announced, true);
});

test('the marker of a collector that was killed stops nobody', async (t) => {
  const store = await temporaryStore(t);
  const marker = join(store.root, 'collecting');
  const { stdout } = await run('readlink', ['/proc/self/ns/pid']);
  await writeFile(marker, JSON.stringify({ pid: process.pid, start: '1', namespace: stdout.trim() }));
  assert.equal(await announceUse(store), false, 'its pid is another process by now');
  for (const unknown of ['', JSON.stringify({ pid: 1, start: '1', namespace: 'pid:[1]' })]) {
    await writeFile(marker, unknown);
    assert.equal(await announceUse(store), true, 'the lock tells');
    assert.equal(await announceUse(store), false);
  }
});

test('skopeo reads the state folder as it stands', async (t) => {
  if (!programOrSkip(t, 'skopeo')) return;
  const store = await temporaryStore(t);
  const { descriptor, layers } = await storeImage(store, { name: 'docker.io/library/a:1', gzip: true });
  const place = `oci:${store.root}:docker.io/library/a:1`;
  const { stdout } = await run('skopeo', ['inspect', place]);
  const { Digest: digest, Layers } = JSON.parse(stdout);
  assert.deepEqual([digest, Layers], [descriptor.digest, layers.map((layer) => layer.digest)]);
  const copy = join(await temporaryFolder(t), 'copy');
  await run('skopeo', ['copy', '--insecure-policy', place, `oci:${copy}:x`]);
});

test('what skopeo copies into the state folder is an image of ours', async (t) => {
  if (!programOrSkip(t, 'skopeo')) return;
  const [from, to] = [await temporaryStore(t), await temporaryStore(t)];
  const { descriptor } = await storeImage(from, { name: 'a', gzip: true });
  await run('skopeo', ['copy', '--insecure-policy', `oci:${from.root}:a`, `oci:${to.root}:docker.io/library/b:1`]);
  assert.equal((await to.images.get('docker.io/library/b:1'))?.descriptor.digest, descriptor.digest);
  assert.deepEqual(await fsck(to), []);
});

test('umoci reads the state folder as it stands', async (t) => {
  if (!programOrSkip(t, 'umoci')) return;
  const store = await temporaryStore(t);
  await storeImage(store, { name: 'docker.io/library/a:1' });
  await using _unfinished = await store.content.ingest({ digest: digestOf('x') });
  const { stdout } = await run('umoci', ['ls', '--layout', store.root]);
  assert.equal(stdout.trim(), 'docker.io/library/a:1');
  await run('umoci', ['stat', '--image', `${store.root}:docker.io/library/a:1`, '--json']);
});
