import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Digest, describe, digestOf, encodeDocument, hexOf, MediaType } from '../oci/index.ts';
import { readAll } from '../std/index.ts';
import { type TarEntry, tarParser } from '../tar/index.ts';
import { copyImage, type ImageSource, listOciLayout, ociLayout, readArchive, writeArchive } from './index.ts';
import { memorySource, type TestImage, tarOf, testImage } from './testing.ts';

const SKOPEO = '/usr/bin/skopeo';
const PODMAN = '/usr/bin/podman';
const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const skopeo = has(SKOPEO) ? false : `needs ${SKOPEO}`;
const podman = !has(PODMAN) ? `needs ${PODMAN}` : process.getuid?.() === 0 ? false : 'needs root';
const quiet = { signal: new AbortController().signal, report() {} };

/** Skipped tests make no folder. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'strata-transfer-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function sameImage(source: ImageSource, image: TestImage): Promise<void> {
  const top = await source.resolve();
  assert.equal(top.descriptor.digest, image.top.descriptor.digest);
  assert.ok(top.bytes.equals(image.top.bytes));
  for (const descriptor of [image.manifest.config, ...image.manifest.layers]) {
    const bytes = await readAll(await source.blob(descriptor), { limit: 1e8, what: 'blob' });
    assert.equal(digestOf(bytes), descriptor.digest);
    const tail = await readAll(await source.blob(descriptor, { offset: 5 }), { limit: 1e8, what: 'blob' });
    assert.ok(tail.equals(bytes.subarray(5)));
  }
}

const base = testImage(['shared base', 'x'.repeat(300_000)]);
const child = testImage(['shared base', 'x'.repeat(300_000), 'more']);

test('a layout gives back what was written to it, by name, by digest and by being the only one', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'layout');
    await copyImage(memorySource(base), ociLayout(path, 'v1'), quiet);
    await sameImage(ociLayout(path), base);
    await copyImage(memorySource(child), ociLayout(path, 'v2'), quiet);
    await sameImage(ociLayout(path, 'v1'), base);
    await sameImage(ociLayout(path, 'v2'), child);
    await sameImage(ociLayout(path, child.top.descriptor.digest), child);
    await assert.rejects(ociLayout(path).resolve(), { code: 'InvalidArgument', message: /choose one: v1, v2/ });
    await assert.rejects(ociLayout(path, 'v3').resolve(), { code: 'NotFound', message: /it has v1, v2/ });

    await copyImage(memorySource(child), ociLayout(path, 'v1'), quiet); // the name moves
    await copyImage(memorySource(base), ociLayout(path), quiet);
    await copyImage(memorySource(base), ociLayout(path), quiet);
    const list = await collect(listOciLayout(path));
    assert.deepEqual(
      list.map(({ reference, descriptor }) => [reference, descriptor.digest]),
      [
        ['v2', child.top.descriptor.digest],
        ['v1', child.top.descriptor.digest],
        [undefined, base.top.descriptor.digest],
      ],
    );
    assert.deepEqual(readdirSync(path).sort(), ['blobs', 'index.json', 'oci-layout']);
  }));

test('a layout takes only blobs that are what they are called, and leaves no part of others', () =>
  inFolder(async (folder) => {
    const layout = ociLayout(join(folder, 'l'), 'v');
    const wrong = Buffer.from('not it');
    const send = (bytes: Buffer, size: number) =>
      layout.writeBlob({ mediaType: MediaType.ociLayer, digest: digestOf('it'), size }, async () => stream(bytes));
    await assert.rejects(send(wrong, wrong.length), { code: 'DataLoss', message: /expected sha256/ });
    await assert.rejects(send(wrong, 3), { code: 'DataLoss', message: /should have 3 bytes/ });
    await assert.rejects(send(wrong, 9), { code: 'DataLoss', message: /should have 9 bytes/ });
    assert.deepEqual(readdirSync(join(folder, 'l')).sort(), ['blobs', 'index.json', 'oci-layout']);
    assert.deepEqual(readdirSync(join(folder, 'l/blobs/sha256')), []);
  }));

test("writers of one layout at a time keep each other's names", () =>
  inFolder(async (folder) => {
    const names = Array.from({ length: 8 }, (_, index) => `v${index}`);
    await Promise.all(names.map((name) => copyImage(memorySource(base), ociLayout(folder, name), quiet)));
    const list = await collect(listOciLayout(folder));
    assert.deepEqual(list.map(({ reference }) => reference).sort(), names);
  }));

test('the lock against other processes is held while the index changes, and freed', () =>
  inFolder(async (folder) => {
    const held: string[] = [];
    const lock = async (path: string) => {
      held.push(path);
      return { [Symbol.dispose]: () => void held.push('freed') };
    };
    await copyImage(memorySource(base), ociLayout(folder, 'v1', { lock }), quiet);
    assert.deepEqual(held, [join(folder, 'oci-layout'), 'freed']);
  }));

test('a folder of other things is not made a layout, nor is a store', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'letter.txt'), '');
    await assert.rejects(copyImage(memorySource(base), ociLayout(folder), quiet), {
      code: 'Conflict',
      message: /not empty/,
    });
    const store = join(folder, 'store');
    mkdirSync(join(store, 'leases'), { recursive: true });
    writeFileSync(join(store, 'format'), '1');
    await assert.rejects(copyImage(memorySource(base), ociLayout(store), quiet), {
      code: 'Conflict',
      message: /store:NAME/,
    });
    await assert.rejects(ociLayout(folder).resolve(), { code: 'NotFound', message: /no OCI layout/ });
    await assert.rejects(ociLayout(join(folder, 'none')).resolve(), { code: 'NotFound' });
  }));

for (const format of ['docker', 'oci'] as const) {
  test(`a ${format} archive gives back its images, holds shared blobs once, and is always the same bytes`, () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.tar');
      const images = [
        { references: ['docker.io/library/base:1', 'docker.io/library/base:2'], source: memorySource(base) },
        { references: ['127.0.0.1:5000/child:v1'], source: memorySource(child) },
      ];
      await writeArchive(path, images, { format });
      const bytes = readFileSync(path);
      const names = membersOf(bytes).map(({ name }) => name);
      assert.equal(new Set(names).size, names.length);
      assert.equal(names.includes('manifest.json'), format === 'docker');
      assert.ok(membersOf(bytes).every(({ mtime, uid }) => mtime === 0n && uid === 0));
      const again = new PassThrough();
      const copy = readAll(again, { limit: 1e8, what: 'archive' });
      await writeArchive(again, images, { format });
      again.end();
      assert.ok((await copy).equals(bytes));

      writeFileSync(join(folder, 'a.tar.gz'), gzipSync(bytes));
      for (const file of ['a.tar', 'a.tar.gz']) {
        await using archive = await readArchive(join(folder, file));
        assert.deepEqual(
          archive.images.map(({ references }) => references),
          images.map(({ references }) => references),
        );
        await sameImage(archive.images[0]?.source as ImageSource, base);
        await sameImage(archive.images[1]?.source as ImageSource, child);
      }
      assert.deepEqual(readdirSync(folder).sort(), ['a.tar', 'a.tar.gz']);
      assert.deepEqual(
        readdirSync(tmpdir()).filter((name) => name.startsWith('strata-archive-')),
        [],
      );
    }));
}

test("an image of docker's own media types keeps them in a layout and in both archives", () =>
  inFolder(async (folder) => {
    const image = testImage(['one', 'two'], { docker: true });
    await copyImage(memorySource(image), ociLayout(join(folder, 'layout')), quiet);
    await sameImage(ociLayout(join(folder, 'layout')), image);
    for (const format of ['docker', 'oci'] as const) {
      const path = join(folder, `${format}.tar`);
      await writeArchive(path, [{ references: [], source: memorySource(image) }], { format });
      await using archive = await readArchive(path);
      await sameImage(archive.images[0]?.source as ImageSource, image);
    }
  }));

test('an archive that cannot be finished is not there', () =>
  inFolder(async (folder) => {
    const broken = memorySource({
      ...base,
      blobs: new Map([...base.blobs].map(([digest, bytes]) => [digest, flip(bytes)])),
    });
    const source: ImageSource = { ...broken, resolve: memorySource(base).resolve };
    await assert.rejects(writeArchive(join(folder, 'a.tar'), [{ references: [], source }], { format: 'oci' }), {
      code: 'DataLoss',
    });
    const abort = new AbortController();
    const reason = new Error('enough');
    const report = () => abort.abort(reason);
    const input = [{ references: [], source: memorySource(base) }];
    await assert.rejects(
      writeArchive(join(folder, 'b.tar'), input, { format: 'oci', signal: abort.signal, report }),
      (error) => error === reason,
    );
    assert.deepEqual(readdirSync(folder), []);
  }));

test('an archive waits for a slow reader and ends when the reader goes away', async () => {
  const input = [{ references: ['a:1'], source: memorySource(child) }];
  let queued = 0;
  const slow = new Writable({
    highWaterMark: 1000,
    write(_chunk, _encoding, done) {
      queued = Math.max(queued, this.writableLength);
      setTimeout(done, 1);
    },
  });
  await writeArchive(slow, input, { format: 'docker' });
  assert.ok(queued <= 101_000, `${queued} bytes waited`);
  const gone = new Writable({ highWaterMark: 10, write() {} });
  setTimeout(() => gone.destroy(), 10);
  await assert.rejects(writeArchive(gone, input, { format: 'docker' }), { code: 'Unavailable', message: /went away/ });
});

test('an index is archived as the image of the platform that is asked for', () =>
  inFolder(async (folder) => {
    const source = indexOf({ amd64: base, s390x: child });
    await writeArchive(join(folder, 'a.tar'), [{ references: ['a:1'], source }], {
      format: 'docker',
      platform: { os: 'linux', architecture: 's390x' },
    });
    await using archive = await readArchive(join(folder, 'a.tar'));
    await sameImage(archive.images[0]?.source as ImageSource, child);
    await assert.rejects(
      writeArchive(join(folder, 'b.tar'), [{ references: [], source }], {
        format: 'oci',
        platform: { os: 'linux', architecture: 'riscv64' },
      }),
      { code: 'NotFound', message: /it has linux\/amd64, linux\/s390x/ },
    );
  }));

/** As docker before its archives were layouts: layers in folders, shared ones as links, a config beside manifest.json. */
function oldDocker(
  change: { config?: Buffer; layers?: string[]; extra?: Parameters<typeof tarOf>[0]; configName?: string } = {},
): Buffer {
  const layer = tarOf([['hello', 'hello']]);
  const zipped = tarOf([['other', 'other']]);
  const config =
    change.config ??
    Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: [layer, layer, zipped].map((tar) => digestOf(tar)) },
      }),
    );
  const name = change.configName ?? `${hexOf(digestOf(config))}.json`;
  const link = { type: 'symlink', linkName: '../one/layer.tar' } as const;
  return tarOf([
    ['./one/', '', { type: 'directory' }],
    ['./one/layer.tar', layer],
    ['two/layer.tar', '', link],
    ['three/layer.tar', gzipSync(zipped)],
    [name, config],
    [
      'manifest.json',
      JSON.stringify([
        {
          Config: name,
          RepoTags: ['old:1'],
          Layers: change.layers ?? ['one/layer.tar', 'two/layer.tar', 'three/layer.tar'],
        },
      ]),
    ],
    ...(change.extra ?? []),
  ]);
}

test('an old docker archive is read under a manifest made for it', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'old.tar'), oldDocker());
    await using archive = await readArchive(join(folder, 'old.tar'));
    assert.deepEqual(
      archive.images.map(({ references }) => references),
      [['old:1']],
    );
    const source = archive.images[0]?.source as ImageSource;
    const layout = join(folder, 'layout');
    await copyImage(source, ociLayout(layout, 'old'), quiet); // verifies every digest
    const manifest = JSON.parse((await source.resolve()).bytes.toString());
    assert.deepEqual(
      manifest.layers.map(({ mediaType }: { mediaType: string }) => mediaType),
      [MediaType.ociLayer, MediaType.ociLayer, MediaType.ociLayerGzip],
    );
    assert.equal(manifest.layers[0].digest, manifest.layers[1].digest);
  }));

const symlink = (linkName: string): Partial<TarEntry> => ({ type: 'symlink', linkName });
const hostile: Record<string, [Buffer, RegExp]> = {
  'a name that climbs': [oldDocker({ extra: [['a/../../etc/passwd', 'x']] }), /leads out of it/],
  'an absolute name': [oldDocker({ extra: [['/etc/passwd', 'x']] }), /leads out of it/],
  'a name with a backslash': [oldDocker({ extra: [['..\\evil', 'x']] }), /leads out of it/],
  'two manifest.json': [oldDocker({ extra: [['./manifest.json', '[]']] }), /several members "manifest.json"/],
  'two of a layer': [oldDocker({ extra: [['one/layer.tar', 'x']] }), /several members "one\/layer.tar"/],
  'a layer that is a link to a file of the host': [
    oldDocker({ extra: [['l', '', symlink('/etc/passwd')]], layers: ['l', 'l', 'l'] }),
    /link out of it/,
  ],
  'a layer that is a link upwards': [
    oldDocker({ extra: [['l', '', symlink('../../etc/passwd')]], layers: ['l', 'l', 'l'] }),
    /link out of it/,
  ],
  'a layer that links to itself': [
    oldDocker({ extra: [['l', '', symlink('l')]], layers: ['l', 'l', 'l'] }),
    /too many links/,
  ],
  'a layer path that climbs': [oldDocker({ layers: ['../x', '../x', '../x'] }), /leads out of it/],
  'a layer that is a folder': [oldDocker({ layers: ['one', 'one', 'one'] }), /no plain file/],
  'a layer that is not there': [oldDocker({ layers: ['x', 'x', 'x'] }), /is not in the archive/],
  'fewer layers than the config names': [oldDocker({ layers: [] }), /0 layers, but its config names 3/],
  'a config whose name is another digest': [
    oldDocker({ configName: `${'0'.repeat(64)}.json` }),
    /expected sha256:0000/,
  ],
  'a config that is no JSON': [oldDocker({ config: Buffer.from('{') }), /not valid JSON/],
  'a manifest.json with a key twice': [
    tarOf([['manifest.json', '[{"Config":"a","Config":"b","Layers":[]}]']]),
    /twice/,
  ],
  'a manifest.json of another shape': [tarOf([['manifest.json', '[{"Config":1}]']]), /is no list of images/],
  'no manifest at all': [tarOf([['etc/passwd', 'root']]), /strata import/],
  'a layout without an index': [tarOf([['oci-layout', '{"imageLayoutVersion":"1.0.0"}']]), /without index.json/],
  'a digest that is a path': [
    tarOf([
      ['oci-layout', '{"imageLayoutVersion":"1.0.0"}'],
      [
        'index.json',
        JSON.stringify({
          schemaVersion: 2,
          manifests: [{ mediaType: MediaType.ociManifest, digest: 'sha256:../../x', size: 1 }],
        }),
      ],
    ]),
    /invalid digest/,
  ],
  'a file that is no tar': [Buffer.alloc(2000, 'x'), /not a tar archive/],
};
for (const [what, [bytes, message]] of Object.entries(hostile)) {
  test(`refuses an archive with ${what}`, () =>
    inFolder(async (folder) => {
      const path = join(folder, 'a.tar');
      writeFileSync(path, bytes);
      await assert.rejects(
        async () => {
          await using archive = await readArchive(path);
          for (const { source } of archive.images) await source.resolve();
        },
        (error: Error & { code?: string }) =>
          ['InvalidArgument', 'DataLoss'].includes(error.code ?? '') && message.test(error.message),
      );
    }));
}

test('layers and manifests that are not what their digests say are refused when they are taken', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'a.tar');
    await writeArchive(path, [{ references: ['a:1'], source: memorySource(base) }], { format: 'docker' });
    const layer = base.manifest.layers[0] as { digest: Digest };
    for (const digest of [layer.digest, base.manifest.config.digest, base.top.descriptor.digest]) {
      const bytes = readFileSync(path);
      let offset = 0;
      const parser = tarParser({
        entry(entry, position) {
          if (entry.name.endsWith(hexOf(digest))) offset = position.dataOffset;
        },
        data() {},
        endEntry() {},
      });
      parser.write(bytes);
      bytes[offset + 20] = (bytes[offset + 20] as number) ^ 1;
      writeFileSync(join(folder, 'lie.tar'), bytes);
      await using archive = await readArchive(join(folder, 'lie.tar'));
      const source = archive.images[0]?.source as ImageSource;
      await assert.rejects(copyImage(source, ociLayout(join(folder, `l-${hexOf(digest)}`)), quiet), {
        code: 'DataLoss',
      });
    }
  }));

test('skopeo reads our layouts and both archives, and we read its', { skip: skopeo }, () =>
  inFolder(async (folder) => {
    const path = (name: string) => join(folder, name);
    const inspect = (name: string) =>
      JSON.parse(execFileSync(SKOPEO, ['inspect', '--raw', name], { encoding: 'utf8' }));
    await copyImage(memorySource(base), ociLayout(path('ours'), 'v1'), quiet);
    assert.deepEqual(inspect(`oci:${path('ours')}:v1`), JSON.parse(base.top.bytes.toString()));
    await writeArchive(
      path('docker.tar'),
      [
        { references: ['base:1'], source: memorySource(base) },
        { references: ['docker.io/me/child:2'], source: memorySource(child) },
      ],
      { format: 'docker' },
    );
    await writeArchive(path('oci.tar'), [{ references: ['v2'], source: memorySource(child) }], { format: 'oci' });
    assert.deepEqual(inspect(`oci-archive:${path('oci.tar')}:v2`), JSON.parse(child.top.bytes.toString()));

    for (const [from, image] of [
      [`oci:${path('ours')}:v1`, base],
      [`docker-archive:${path('docker.tar')}:base:1`, base],
      [`docker-archive:${path('docker.tar')}:me/child:2`, child],
      [`oci-archive:${path('oci.tar')}:v2`, child],
    ] as const) {
      for (const to of ['oci:theirs:x', 'oci-archive:theirs.tar:x', 'docker-archive:theirs-docker.tar:x:1']) {
        rmSync(path('theirs'), { recursive: true, force: true });
        rmSync(path('theirs.tar'), { force: true });
        rmSync(path('theirs-docker.tar'), { force: true });
        execFileSync(SKOPEO, ['--insecure-policy', 'copy', '-q', from, to], { cwd: folder, stdio: 'pipe' });
        await using archive = await readArchive(path(to.split(':')[1] as string));
        assert.equal(archive.images.length, 1);
        assert.ok(/^(x|docker.io\/library\/x:1)$/.test(archive.images[0]?.references[0] ?? ''), `${from} ${to}`);
        const source = archive.images[0]?.source as ImageSource;
        await copyImage(source, ociLayout(path('again'), 'x'), quiet);
        const manifest = JSON.parse((await source.resolve()).bytes.toString());
        assert.equal(manifest.config.digest, image.manifest.config.digest);
      }
    }
  }),
);

test('podman loads both archives under their names, and we read what it saves', { skip: podman }, () =>
  inFolder(async (folder) => {
    const run = (...args: string[]) =>
      execFileSync(
        PODMAN,
        [
          '--root',
          join(folder, 'root'),
          '--runroot',
          join(folder, 'run'),
          '--storage-driver',
          'vfs',
          '--cgroup-manager',
          'cgroupfs',
          ...args,
        ],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
    try {
      const one = [{ references: ['docker.io/library/base:1'], source: memorySource(base) }];
      const two = [...one, { references: ['docker.io/me/child:2'], source: memorySource(child) }];
      for (const [name, images, format] of [
        ['one.tar', one, 'docker'],
        ['oci.tar', one, 'oci'],
        ['two.tar', two, 'docker'],
      ] as const) {
        await writeArchive(join(folder, name), images, { format });
        const loaded = run('load', '-i', join(folder, name));
        for (const { references } of images) assert.ok(loaded.includes(references[0] as string), loaded);
        const id = run('image', 'inspect', '--format', '{{.Id}}', 'docker.io/library/base:1').trim();
        assert.equal(id, hexOf(base.manifest.config.digest), name);
      }
      run(
        'save',
        '--multi-image-archive',
        '-q',
        '-o',
        join(folder, 'saved.tar'),
        'docker.io/library/base:1',
        'docker.io/me/child:2',
      );
      await using archive = await readArchive(join(folder, 'saved.tar'));
      assert.deepEqual(
        archive.images.map(({ references }) => references),
        [['docker.io/library/base:1'], ['docker.io/me/child:2']],
      );
      for (const { source } of archive.images) await copyImage(source, ociLayout(join(folder, 'from-podman')), quiet);
    } finally {
      run('rmi', '-a', '-f');
    }
  }),
);

function membersOf(archive: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  const parser = tarParser({ entry: (entry) => entries.push(entry), data() {}, endEntry() {} });
  parser.write(archive);
  parser.end();
  return entries;
}

function indexOf(images: Record<string, TestImage>): ImageSource {
  const manifests = Object.entries(images).map(([architecture, { top }]) => ({
    ...top.descriptor,
    platform: { os: 'linux', architecture },
  }));
  const bytes = encodeDocument({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  const blobs = new Map(Object.values(images).flatMap((image) => [...image.blobs]));
  return memorySource({ ...base, top: { bytes, descriptor: describe(bytes, MediaType.ociIndex) }, blobs });
}

function flip(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1] = (copy[copy.length >> 1] as number) ^ 1;
  return copy;
}

async function* stream(bytes: Buffer) {
  yield bytes;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
