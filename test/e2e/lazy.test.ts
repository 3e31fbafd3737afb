import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, connect as openSocket, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { registryClient } from '../../src/client/index.ts';
import { readTocFile, writeTocFile } from '../../src/layer/index.ts';
import { indexArtifact, type LayerIndex, readIndexArtifact, sendIndex } from '../../src/lazy/index.ts';
import { type Descriptor, type Digest, parseManifest } from '../../src/oci/index.ts';
import { type RunningRegistry, startRegistry } from '../../src/registry/index.ts';
import { readAll } from '../../src/std/index.ts';
import { busyboxTar, Strata } from '../strata.ts';

const skip = whyNot();
const maker = new Strata('strata-lazy-maker-');
const noise = randomBytes(24 << 20);
let registry: RunningRegistry;
let road: Road;

/** A way to the registry that can be narrowed and cut: the address that references name. */
class Road implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Milliseconds that each 64 KiB take. */
  delay = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(host: string): Promise<Road> {
    const [name, port] = host.split(':') as [string, string];
    const server = createServer();
    const road = new Road(server);
    server.on('connection', (near) => {
      const far = openSocket(Number(port), name);
      for (const socket of [near, far]) {
        road.#sockets.add(socket);
        socket.on('error', () => {});
      }
      near.on('close', () => far.destroy());
      near.pipe(far);
      void road.#carry(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return road;
  }

  get host(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; at += 65_536) {
          if (this.delay > 0) await setTimeout(this.delay);
          if (!to.write(chunk.subarray(at, at + 65_536)))
            await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
        }
      }
    } catch {}
    to.end();
  }

  /** The registry vanishes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

before(async () => {
  if (skip) return;
  const tree = join(maker.folder, 'tree');
  mkdirSync(join(tree, 'data'), { recursive: true });
  execFileSync('tar', ['-C', tree, '-xf', busyboxTar(maker.folder) as string]);
  writeFileSync(join(tree, 'a-first'), 'first\n');
  writeFileSync(join(tree, 'data/noise'), noise);
  writeFileSync(join(tree, 'data/one'), 'one\n');
  writeFileSync(join(tree, 'data/two'), 'two\n');
  const tar = join(maker.folder, 'tree.tar');
  execFileSync('tar', ['-C', tree, '--sort=name', '--owner=0', '--group=0', '-cf', tar, '.']);
  registry = await startRegistry({ folder: join(maker.folder, 'registry') });
  road = await Road.open(registry.host);
  await maker.run('import', '--change', 'CMD ["/bin/sh"]', tar, `${registry.host}/app:1`);
  await maker.run('push', `${registry.host}/app:1`);
  await maker.run('image', 'index', '--push', `${registry.host}/app:1`);
});

after(async () => {
  if (skip) return;
  await road[Symbol.asyncDispose]();
  await maker[Symbol.asyncDispose]();
  await registry.close();
});

test('an index made elsewhere is not believed unasked: the image is pulled, with a word why', { skip }, async () => {
  await using other = new Strata('strata-lazy-other-');
  const { code, stdout, stderr } = await other.try([
    'run',
    '--lazy',
    '--rm',
    '-q',
    `${registry.host}/app:1`,
    'cat',
    '/data/one',
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'one\n');
  assert.match(stderr, /only believed with --trust-index/);
});

test('one’s own is, also from another state that trusts it; writes go to the container alone', { skip }, async () => {
  const own = await maker.try([
    'run',
    '--lazy',
    '--rm',
    `${registry.host}/app:1`,
    'sh',
    '-c',
    'echo new >/data/one; cat /data/one; exit 3',
  ]);
  assert.deepEqual([own.code, own.stdout], [3, 'new\n'], own.stderr);
  await using other = new Strata('strata-lazy-other-');
  const { code, stdout, stderr } = await other.try([
    'run',
    '--lazy',
    '--trust-index',
    '--rm',
    `${registry.host}/app:1`,
    'md5sum',
    '/data/noise',
    '/data/one',
  ]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /noise/);
  assert.equal((await other.run('images', '-q')).trim(), '');
});

test('run --lazy says what it is not for', { skip }, async () => {
  const { code, stderr } = await maker.try(['run', '--lazy', `${registry.host}/app:1`, 'true']);
  assert.equal(code, 125);
  assert.match(stderr, /--rm/);
});

test('a mount shows all names at once; a registry that vanishes gives EIO for what is missing and nothing worse', {
  skip,
}, async () => {
  await using other = new Strata('strata-lazy-other-');
  const at = join(other.folder, 'mnt');
  mkdirSync(at);
  road.delay = 40; // 1.6 MB/s
  await other.run('mount', '--lazy', '--trust-index', `${road.host}/app:1`, at);
  assert.deepEqual(readdirSync(join(at, 'data')).sort(), ['noise', 'one', 'two']);
  // never synchronously: the registry is in this process
  assert.equal(await readFile(join(at, 'a-first'), 'utf8'), 'first\n');
  const { host } = road;
  await road[Symbol.asyncDispose]();
  assert.equal(await readFile(join(at, 'a-first'), 'utf8'), 'first\n');
  await assert.rejects(readFile(join(at, 'data/two')), { code: 'EIO' });
  assert.equal(readdirSync(at).includes('bin'), true);
  await other.run('umount', at);
  assert.deepEqual(readdirSync(at), []);
  road = await Road.open(registry.host);
  assert.notEqual(road.host, host);
});

test('what was fetched is kept, the rest follows, and in the end the whole is verified', { skip }, async () => {
  await using other = new Strata('strata-lazy-other-');
  const at = join(other.folder, 'mnt');
  mkdirSync(at);
  await other.run('mount', '--lazy', '--trust-index', `${registry.host}/app:1`, at);
  const layers = join(other.env['STRATA_ROOT'] as string, 'lazy/layers');
  const [layer] = readdirSync(layers);
  await until(() => existsSync(join(layers, layer as string, 'verified')));
  assert.ok(readFileSync(join(at, 'data/noise')).equals(noise));
  await other.run('umount', at);
  assert.equal((await other.run('fsck')).trim(), 'clean');
});

test('an index that tells of other files than the layer has stops the container and is dropped', { skip }, async () => {
  const subject = await swapNames();
  await using other = new Strata('strata-lazy-other-');
  const { code, stderr } = await other.try([
    'run',
    '--lazy',
    '--trust-index',
    '--rm',
    `${registry.host}/liar:1`,
    'sleep',
    '60',
  ]);
  assert.notEqual(code, 0);
  assert.match(stderr, /was stopped: the index of layer .* tells of other files than are in it/);
  assert.deepEqual(readdirSync(join(other.env['STRATA_ROOT'] as string, 'lazy/layers')), []);
  assert.ok(subject);
});

/** Gives the image another name, with an index whose table of contents has two files’ data the wrong way round. */
async function swapNames(): Promise<Digest> {
  await maker.run('tag', `${registry.host}/app:1`, `${registry.host}/liar:1`);
  await maker.run('push', `${registry.host}/liar:1`);
  await using client = registryClient(registry.host);
  const { descriptor, bytes } = await client.manifest('app', '1');
  const document = parseManifest(bytes);
  assert.ok(document.kind === 'manifest');
  const { manifest } = document;
  const found: Descriptor[] = [];
  for await (const referrer of client.referrers('app', descriptor.digest)) found.push(referrer);
  const artifact = await client.manifest('app', found[0]?.digest as Digest);
  const [blobs] = readIndexArtifact(artifact.bytes, { digest: descriptor.digest, manifest });
  const fetch = async (blob: Descriptor): Promise<Buffer> =>
    readAll(await client.blob('app', blob), { limit: 1 << 26, what: 'test' });
  assert.ok(blobs);
  const path = join(maker.folder, 'toc');
  writeFileSync(path, await fetch(blobs.toc));
  const toc = await readTocFile(path);
  assert.ok(toc);
  const one = toc.entries.find((entry) => entry.path === 'data/one');
  const two = toc.entries.find((entry) => entry.path === 'data/two');
  const entries = toc.entries.map((entry) => {
    const other = entry === one ? two : entry === two ? one : undefined;
    return other?.data ? { ...entry, data: other.data } : entry;
  });
  await writeTocFile(path, { ...toc, entries });
  const layer: LayerIndex = {
    layer: manifest.layers[0] as Descriptor,
    toc: readFileSync(path),
    spans: await fetch(blobs.spans),
  };
  await sendIndex(client, 'liar', indexArtifact(descriptor, [layer]), { subject: descriptor.digest });
  return descriptor.digest;
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 30_000; !holds(); await setTimeout(50))
    assert.ok(Date.now() < deadline, 'it took too long');
}

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/fuse')) return 'needs /dev/fuse';
  try {
    execFileSync('sh', ['-c', 'command -v busybox && { command -v crun || command -v runc; }'], { stdio: 'ignore' });
  } catch {
    return 'needs busybox and an OCI runtime';
  }
  return false;
}
