import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { startDistribution } from '../../test/distribution.ts';
import { startFakeRegistry } from '../client/fake-registry.ts';
import { registryClient } from '../client/index.ts';
import {
  type Descriptor,
  type Digest,
  describe,
  digestOf,
  encodeDocument,
  type Manifest,
  MediaType,
  parseReference,
} from '../oci/index.ts';
import { type ByteStream, hasCode, readAll } from '../std/index.ts';
import { openStore } from '../store/index.ts';
import { compressedSource } from './compressed-source.ts';
import { copyImage } from './copy-image.ts';
import type { ImageSource, TransferEvent } from './place.ts';
import { registryPlace } from './registry-place.ts';

const fast = { configFile: '/nonexistent/config.json', backoff: 5, attempts: 4 };

/** An image that is only in memory. */
function sampleImage(layers: readonly Buffer[]): { source: ImageSource; manifest: Manifest; digest: string } {
  const blobs = new Map<string, Buffer>();
  const add = (bytes: Buffer, mediaType: string): Descriptor => {
    blobs.set(digestOf(bytes), bytes);
    return describe(bytes, mediaType);
  };
  const rootfs = { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) };
  const config = add(encodeDocument({ architecture: 'amd64', os: 'linux', rootfs }), MediaType.ociConfig);
  const manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config,
    layers: layers.map((layer) => add(layer, MediaType.ociLayer)),
  } as const;
  const bytes = encodeDocument(manifest);
  const top = { descriptor: describe(bytes, MediaType.ociManifest), bytes };
  const source: ImageSource = {
    name: 'sample',
    resolve: async () => top,
    manifest: async () => top,
    blob: async ({ digest }, { offset = 0 } = {}): Promise<ByteStream> =>
      (async function* () {
        const content = blobs.get(digest) as Buffer;
        for (let at = offset; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
      })(),
  };
  return { source, manifest, digest: top.descriptor.digest };
}

function copying(): { signal: AbortSignal; events: TransferEvent[]; report: (event: TransferEvent) => void } {
  const events: TransferEvent[] = [];
  return { signal: AbortSignal.timeout(60_000), events, report: (event) => events.push(event) };
}

test('an image goes to a registry and comes back, and what is there is not sent again', async () => {
  await using registry = await startFakeRegistry();
  await using client = registryClient(registry.host, fast);
  const place = registryPlace(client, parseReference(`${registry.host}/team/app:v1`));
  assert.equal(place.name, `docker://${registry.host}/team/app:v1`);
  const { source, digest, manifest } = sampleImage([randomBytes(3 << 20), randomBytes(10)]);
  const copied = await copyImage(source, place, copying());
  assert.equal(copied.target.digest, digest);
  assert.equal((await place.resolve()).descriptor.digest, digest);
  for (const layer of manifest.layers) {
    const bytes = await readAll(await place.blob(layer), { limit: 1 << 23, what: 'layer' });
    assert.equal(digestOf(bytes), layer.digest);
  }
  const before = registry.log.length;
  await copyImage(source, place, copying());
  assert.ok(registry.log.slice(before).every((line) => !/^(POST|PATCH)/.test(line)));
});

test('blobs are linked from the repository they come from, or from one that is known to have them', async () => {
  await using registry = await startFakeRegistry();
  await using client = registryClient(registry.host, fast);
  const of = (name: string, options = {}): ReturnType<typeof registryPlace> =>
    registryPlace(client, parseReference(`${registry.host}/${name}`), options);
  const { source } = sampleImage([randomBytes(100)]);
  await copyImage(source, of('a:1'), copying());
  // This registry shows every blob everywhere: make it hide them from new repositories.
  registry.intercept = (request, response) => {
    if (request.method !== 'HEAD' || !/\/(b|c)\/blobs/.test(request.url ?? '')) return false;
    response.writeHead(404).end();
    return true;
  };
  await copyImage(of('a:1'), of('b:1'), copying());
  await copyImage(source, of('c:1', { mountFrom: () => ['c', 'a'] }), copying());
  assert.equal(registry.log.filter((line) => /mount=.*from=a/.test(line)).length, 4);
  assert.ok(!registry.log.some((line) => /from=c/.test(line)));
  assert.equal(registry.log.filter((line) => /^(PUT|PATCH) .*uploads/.test(line)).length, 2);
});

test('a layer made here goes out while it is compressed; later its twin is asked for, and made again where it is missing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'strata-push-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = await openStore(folder);
  const layer = Buffer.concat([randomBytes(3 << 20), Buffer.alloc(1 << 20)]);
  const { manifest } = sampleImage([layer]);
  const [, target] = await store.content.putAll([layer, encodeDocument(manifest)]);
  await store.content.put(
    encodeDocument({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }),
  );
  await using registry = await startFakeRegistry();
  await using client = registryClient(registry.host, fast);
  const push = async (name: string): Promise<{ digest: string; sent: number; events: TransferEvent[] }> => {
    const place = registryPlace(client, parseReference(`${registry.host}/${name}`));
    const context = copying();
    const descriptor = describe(await store.content.read(target as Digest), MediaType.ociManifest);
    const source = await compressedSource(store, descriptor, name, place, context);
    const copied = await copyImage(source, place, context);
    return { digest: copied.target.digest, sent: source.sent.size, events: context.events };
  };
  const first = await push('a:1');
  assert.equal(first.sent, 1);
  const [twin] = await store.layers.compressed(digestOf(layer));
  const bytes = registry.blobs.get(twin?.digest ?? '') as Buffer;
  assert.ok(gunzipSync(bytes).equals(layer));
  assert.equal(twin?.size, bytes.length);
  assert.equal(await store.content.stat(twin?.digest as Digest), undefined, 'only the pair is kept');

  const uploads = (): number => registry.log.filter((line) => line.startsWith('PATCH')).length;
  const before = uploads();
  assert.deepEqual({ ...(await push('b:1')), events: [] }, { digest: first.digest, sent: 0, events: [] });
  assert.equal(uploads(), before, 'nothing is sent twice');
  registry.blobs.clear();
  assert.deepEqual({ ...(await push('c:1')), events: [] }, { digest: first.digest, sent: 1, events: [] });
  assert.ok(registry.blobs.get(twin?.digest ?? '')?.equals(bytes));
});

test('a child that is not what its index says is refused', async () => {
  await using registry = await startFakeRegistry();
  await using client = registryClient(registry.host, fast);
  const place = registryPlace(client, parseReference(`${registry.host}/a:1`));
  const digest = registry.addManifest('a/1', '{}', MediaType.ociManifest);
  const entry = { mediaType: MediaType.ociManifest, digest, size: 2 };
  assert.equal((await place.manifest(entry)).bytes.toString(), '{}');
  await assert.rejects(place.manifest({ ...entry, size: 3 }), (error) => hasCode(error, 'DataLoss'));
  await assert.rejects(place.manifest({ ...entry, mediaType: MediaType.ociIndex }), (error) =>
    hasCode(error, 'InvalidArgument'),
  );
});

test('foreign layers are not pushed, and a digest is not a name to push to', async () => {
  await using registry = await startFakeRegistry();
  await using client = registryClient(registry.host, fast);
  const layer = {
    mediaType: MediaType.dockerForeignLayer,
    digest: digestOf('x'),
    size: 1,
    urls: ['https://example.com/x'],
  };
  assert.equal(await registryPlace(client, parseReference(`${registry.host}/a:1`)).hasBlob(layer), true);
  assert.equal(registry.log.length, 0);
  const pinned = registryPlace(client, parseReference(`${registry.host}/a@${digestOf('other')}`));
  const bytes = Buffer.from('{}');
  await assert.rejects(pinned.finish({ bytes, descriptor: describe(bytes, MediaType.ociManifest) }), /push to a tag/);
  assert.throws(
    () => registryPlace(client, parseReference('docker.io/a/b:1')),
    (error) => hasCode(error, 'Internal'),
  );
});

/** Passes connections on to `port`, cutting each of the first `cuts` after so many bytes in one direction. */
async function startCutter(
  port: number,
  { cuts, up, down }: { cuts: number; up: number; down: number },
): Promise<{ host: string; server: Server }> {
  let left = cuts;
  const server = createServer((near) => {
    const far = createConnection(port, '127.0.0.1');
    const end = (): void => {
      near.destroy();
      far.end();
    };
    const pass = (from: typeof near, to: typeof near, limit: number): void => {
      let passed = 0;
      from.on('data', (chunk) => {
        passed += chunk.length;
        to.write(chunk);
        if (passed > limit && left > 0) {
          left -= 1;
          end();
        }
      });
      from.on('error', end);
      from.on('close', end);
    };
    pass(near, far, up);
    pass(far, near, down);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: `127.0.0.1:${(server.address() as { port: number }).port}`, server };
}

const distribution = (() => {
  try {
    execFileSync('docker-registry', ['--version']);
    return true;
  } catch {
    return false;
  }
})();
const skip = distribution ? false : 'docker-registry is not installed';

test('Debian docker-registry takes and gives images, also over a line that is cut', {
  skip,
  timeout: 60_000,
}, async () => {
  await using registry = await startDistribution();
  await using client = registryClient(registry.host, fast);
  const place = registryPlace(client, parseReference(`${registry.host}/team/app:v1`));
  await assert.rejects(place.resolve(), (error) => hasCode(error, 'NotFound'));
  const first = sampleImage([randomBytes(5 << 20), randomBytes(2000), Buffer.alloc(0)]);
  const copied = await copyImage(first.source, place, copying());
  assert.equal((await place.resolve()).descriptor.digest, copied.target.digest);

  const other = registryPlace(client, parseReference(`${registry.host}/other:v1`));
  assert.equal(await client.headBlob('other', first.manifest.layers[0]?.digest as never), undefined);
  const events = copying();
  await copyImage(place, other, events);
  assert.ok(
    events.events.every(({ kind }) => kind !== 'progress'),
    'everything is mounted',
  );

  const { host, server } = await startCutter(Number(registry.host.split(':')[1]), {
    cuts: 3,
    up: 3 << 20,
    down: 3 << 20,
  });
  try {
    await using shaky = registryClient(host, fast);
    const second = sampleImage([randomBytes(12 << 20)]);
    const target = registryPlace(shaky, parseReference(`${host}/shaky:v1`));
    await copyImage(second.source, target, copying());
    const [layer] = second.manifest.layers;
    assert.equal(
      digestOf(await readAll(await target.blob(layer as Descriptor), { limit: 1 << 25, what: 'layer' })),
      layer?.digest,
    );
    assert.equal((await target.resolve()).descriptor.digest, second.digest);
  } finally {
    server.close();
  }
  const tags: string[] = [];
  for await (const tag of client.tags('team/app')) tags.push(tag);
  assert.deepEqual(tags, ['v1']);
  const found = await client.search('shak');
  assert.deepEqual(
    found.map(({ name }) => name),
    ['shaky'],
  );
  await client.deleteManifest('other', copied.target.digest);
  assert.equal(await client.headManifest('other', 'v1'), undefined);
});
