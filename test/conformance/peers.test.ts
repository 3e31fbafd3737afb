import assert from 'node:assert/strict';
import { type ExecFileException, execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { digestOf, MediaType } from '../../src/oci/index.ts';
import { createRobot, type RunningRegistry, robotUser, setUser, startRegistry } from '../../src/registry/index.ts';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const skopeoMissing = has('skopeo') ? false : 'skopeo is not installed';
const podmanMissing =
  process.getuid?.() !== 0 ? 'podman here needs root' : has('podman') ? false : 'podman is not installed';

let folder: string;
let registry: RunningRegistry;
let certs: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overstrata-peers-'));
  const htpasswd = join(folder, 'users');
  await setUser(htpasswd, 'ann', 'secret', { cost: 4 });
  registry = await startRegistry({
    folder: join(folder, 'registry'),
    tls: 'auto',
    auth: { htpasswd, anonymousPull: true },
  });
  certs = join(folder, 'certs');
  await mkdir(certs);
  await copyFile(registry.certificate?.caPath as string, join(certs, 'ca.crt'));
  await writeLayout(join(folder, 'layout'));
});
after(async () => {
  await registry?.close();
  await rm(folder, { recursive: true, force: true });
});

const image = (name: string): string => `docker://${registry.host}/${name}`;

async function run(program: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { timeout: 120_000, cwd: folder });
    return stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}: ${(error as ExecFileException).stderr}`);
  }
}

test('skopeo pushes through TLS and a password, and pulls the same bytes', { skip: skopeoMissing }, async () => {
  const source = `oci:${join(folder, 'layout')}:v1`;
  await run(
    'skopeo',
    '--insecure-policy',
    'copy',
    '--dest-creds',
    'ann:secret',
    '--dest-cert-dir',
    certs,
    source,
    image('team/app:v1'),
  );
  const out = join(folder, 'out');
  await run('skopeo', '--insecure-policy', 'copy', '--src-cert-dir', certs, image('team/app:v1'), `oci:${out}:v1`); // anonymously
  const [before, after] = await Promise.all([join(folder, 'layout'), out].map(manifestDigest));
  assert.equal(after, before);

  const inspected = JSON.parse(
    await run('skopeo', 'inspect', '--creds', 'ann:secret', '--cert-dir', certs, image('team/app:v1')),
  );
  assert.equal(inspected.Digest, before);
  const listed = JSON.parse(
    await run('skopeo', 'list-tags', '--creds', 'ann:secret', '--cert-dir', certs, image('team/app')),
  );
  assert.deepEqual(listed.Tags, ['v1']);
});

test('skopeo copies between repositories, converts to Docker, and deletes', { skip: skopeoMissing }, async () => {
  const both = [
    '--src-creds',
    'ann:secret',
    '--src-cert-dir',
    certs,
    '--dest-creds',
    'ann:secret',
    '--dest-cert-dir',
    certs,
  ];
  const source = `oci:${join(folder, 'layout')}:v1`;
  await run(
    'skopeo',
    '--insecure-policy',
    'copy',
    '--dest-creds',
    'ann:secret',
    '--dest-cert-dir',
    certs,
    source,
    image('team/first:v1'),
  );
  await run(
    'skopeo',
    '--insecure-policy',
    'copy',
    '--format',
    'v2s2',
    ...both,
    image('team/first:v1'),
    image('team/second:v2'),
  );
  const manifest = JSON.parse(
    await run('skopeo', 'inspect', '--raw', '--creds', 'ann:secret', '--cert-dir', certs, image('team/second:v2')),
  );
  assert.equal(manifest.mediaType, MediaType.dockerManifest);
  await run('skopeo', 'delete', '--creds', 'ann:secret', '--cert-dir', certs, image('team/second:v2'));
  await assert.rejects(run('skopeo', 'inspect', '--creds', 'ann:secret', '--cert-dir', certs, image('team/second:v2')));
});

test('skopeo without a password, or with a wrong one, pushes nothing', { skip: skopeoMissing }, async () => {
  const push = (...credentials: string[]): Promise<string> =>
    run(
      'skopeo',
      '--insecure-policy',
      'copy',
      ...credentials,
      '--dest-cert-dir',
      certs,
      `oci:${join(folder, 'layout')}:v1`,
      image('no/entry:v1'),
    );
  await assert.rejects(push('--dest-no-creds'), /authentication|unauthorized/i);
  await assert.rejects(push('--dest-creds', 'ann:wrong'), /authentication|unauthorized|password/i);
});

test('podman pushes and pulls', { skip: podmanMissing }, async () => {
  const podman = (...args: string[]): Promise<string> =>
    run(
      'podman',
      '--storage-driver',
      'vfs',
      '--root',
      join(folder, 'podman'),
      '--runroot',
      join(folder, 'podman-run'),
      ...args,
    );
  const name = `${registry.host}/pod/app:v1`;
  const access = ['--creds', 'ann:secret', '--cert-dir', certs];
  const id = (await podman('pull', '-q', 'oci:layout:v1')).trim();
  await podman('push', '-q', ...access, id, name);
  await podman('rmi', '-f', id);
  assert.equal((await podman('pull', '-q', ...access, name)).trim(), id);
  await podman('rmi', '-a', '-f');
});

test('skopeo and podman get tokens, and a robot pushes with its own', { skip: skopeoMissing }, async () => {
  const htpasswd = join(folder, 'users');
  const robots = join(folder, 'robots');
  const secret = await createRobot(robots, 'ci', { repositories: ['team/**'], actions: ['pull', 'push'] });
  await using tokens = await startRegistry({
    folder: join(folder, 'registry-with-tokens'),
    tls: 'auto',
    auth: {
      htpasswd,
      robots,
      tokens: true,
      access: [{ who: ['ann'], repositories: ['**'], actions: ['pull', 'push', 'delete'] }],
    },
  });
  const ca = join(folder, 'certs-with-tokens');
  await mkdir(ca);
  await copyFile(tokens.certificate?.caPath as string, join(ca, 'ca.crt'));
  const skopeo = (...args: string[]): Promise<string> => run('skopeo', '--insecure-policy', ...args);
  const robot = `${robotUser('ci')}:${secret}`;
  const layout = `oci:${join(folder, 'layout')}:v1`;
  const name = (path: string): string => `docker://${tokens.host}/${path}`;
  await skopeo('copy', '--dest-creds', robot, '--dest-cert-dir', ca, layout, name('team/app:v1'));
  // Across repositories: the token has to be for both, and the layer is mounted.
  const both = ['--src-creds', 'ann:secret', '--src-cert-dir', ca, '--dest-creds', 'ann:secret', '--dest-cert-dir', ca];
  await skopeo('copy', ...both, name('team/app:v1'), name('other/app:v1'));
  await assert.rejects(
    skopeo('copy', '--dest-creds', robot, '--dest-cert-dir', ca, layout, name('other/app:v2')),
    /denied|forbidden|authentication|unauthorized/i,
  );
  await skopeo('delete', '--creds', 'ann:secret', '--cert-dir', ca, name('other/app:v1'));
  if (podmanMissing) return;
  const podman = (...args: string[]): Promise<string> =>
    run(
      'podman',
      '--storage-driver',
      'vfs',
      '--root',
      join(folder, 'podman'),
      '--runroot',
      join(folder, 'podman-run'),
      ...args,
    );
  await podman('login', '-u', 'ann', '-p', 'secret', '--cert-dir', ca, '--authfile', join(folder, 'auth'), tokens.host);
  await podman('pull', '-q', '--cert-dir', ca, '--authfile', join(folder, 'auth'), `${tokens.host}/team/app:v1`);
  await podman('rmi', '-a', '-f');
});

async function manifestDigest(layout: string): Promise<string> {
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  return index.manifests[0]?.digest as string;
}

/** An OCI layout of one small image, made here. */
async function writeLayout(path: string): Promise<void> {
  const blobs = join(path, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (
    content: Buffer | string,
    mediaType: string,
  ): Promise<{ mediaType: string; digest: string; size: number }> => {
    const digest = digestOf(content);
    await writeFile(join(blobs, digest.slice(7)), content);
    return { mediaType, digest, size: Buffer.byteLength(content) };
  };
  const tar = tarOf('hello', randomBytes(200_000));
  const layer = await put(gzipSync(tar), MediaType.ociLayerGzip);
  const config = await put(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/hello'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      history: [{ created_by: 'test' }],
    }),
    MediaType.ociConfig,
  );
  const manifest = await put(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [layer] }),
    MediaType.ociManifest,
  );
  await writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(path, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'v1' } }],
    }),
  );
}

/** A ustar archive of one file. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512), Buffer.alloc(1024)]);
}
