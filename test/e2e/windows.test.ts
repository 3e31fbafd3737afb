import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../src/oci/index.ts';
import { startRegistry } from '../../src/registry/index.ts';
import { layerOf, type Member } from '../contracts/layer-input.ts';
import { Strata } from '../strata.ts';

const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const NAME = 'windows/app:1';

/** As Windows writes its layers: the system's files and hives apart, attributes and descriptors in pax records. */
const BASE: Member[] = [
  { name: 'Files/' },
  { name: 'Files/License.txt', content: 'terms' },
  { name: 'Files/Windows/' },
  { name: 'Files/Windows/System32/' },
  { name: 'Files/Windows/System32/cmd.exe', content: 'MZ' },
  { name: 'Files/Windows/System32/same.exe', type: 'hardlink', linkName: 'Files/Windows/System32/cmd.exe' },
  { name: 'Files/Documents and Settings', type: 'symlink', linkName: 'C:\\Users' },
  { name: 'Hives/' },
  { name: 'Hives/System_Base', content: 'regf' },
  { name: 'UtilityVM/' },
  { name: 'UtilityVM/Files/' },
  { name: 'UtilityVM/Files/bootmgr.efi', content: 'efi' },
];
const APP: Member[] = [
  { name: 'Files/' },
  { name: 'Files/.wh.License.txt' },
  { name: 'Files/app.exe', content: 'MZ app' },
  { name: 'Hives/' },
  { name: 'Hives/System_Delta', content: 'regf' },
];

describe('an image for Windows', () => {
  let strata: Strata;
  before(async () => {
    strata = new Strata('strata-windows-');
    await writeLayout(join(strata.folder, 'layout'), []);
    await strata.run('load', '--input', join(strata.folder, 'layout'));
  });
  after(() => strata?.[Symbol.asyncDispose]());

  test('is listed, inspected and shown', async () => {
    assert.match(await strata.run('images'), /windows\/app +1 /);
    const format = '{{.Os}} {{.OsVersion}}';
    assert.equal((await strata.run('image', 'inspect', '--format', format, NAME)).trim(), 'windows 10.0.20348.2700');
    assert.deepEqual((await strata.run('image', 'ls', NAME, 'Files')).trim().split('\n').sort(), [
      'Documents and Settings',
      'Windows',
      'app.exe',
    ]);
    assert.equal(await strata.run('image', 'cat', NAME, 'UtilityVM/Files/bootmgr.efi'), 'efi');
    assert.equal(await strata.run('image', 'cat', NAME, 'Files/Windows/System32/same.exe'), 'MZ');
    assert.match(await strata.run('image', 'layers', NAME), /efficiency/i);
  });

  test('says that it needs a Windows host where it is run', async () => {
    for (const verb of ['run', 'create']) {
      const { code, stderr } = await strata.try([verb, '--network', 'none', NAME, 'cmd']);
      assert.match(stderr, /needs a Windows host/);
      assert.equal(code, 125);
    }
    assert.equal((await strata.run('ps', '--all', '--quiet')).trim(), '');
  });

  test('is saved and loaded, pushed and pulled as it is', async () => {
    await using registry = await startRegistry();
    const id = (await strata.run('image', 'inspect', '--format', '{{.Id}}', NAME)).trim();
    await strata.run('save', '--output', join(strata.folder, 'saved.tar'), NAME);
    await strata.run('tag', NAME, `${registry.host}/app:1`);
    await strata.run('push', '--quiet', `${registry.host}/app:1`);
    await strata.run('rmi', '--force', NAME, `${registry.host}/app:1`);
    await strata.run('load', '--input', join(strata.folder, 'saved.tar'));
    assert.equal((await strata.run('image', 'inspect', '--format', '{{.Id}}', NAME)).trim(), id);
    await strata.run('rmi', '--force', NAME);
    await strata.run('pull', '--quiet', '--platform', 'windows/amd64', `${registry.host}/app:1`);
    assert.equal((await strata.run('image', 'inspect', '--format', '{{.Id}}', `${registry.host}/app:1`)).trim(), id);
    assert.equal((await strata.run('fsck')).trim(), 'clean');
  });
});

test('a foreign layer is not pushed, and fetched from where it says', async () => {
  const layer = gzipSync(await layerOf(BASE));
  let asked = 0;
  const maker = createServer((_, response) => {
    asked += 1;
    response.end(layer);
  });
  await new Promise<void>((resolve) => void maker.listen(0, '127.0.0.1', resolve));
  try {
    await using strata = new Strata('strata-foreign-');
    await using registry = await startRegistry();
    const url = `http://127.0.0.1:${(maker.address() as AddressInfo).port}/base.tar.gz`;
    await writeLayout(join(strata.folder, 'layout'), [url]);
    await strata.run('load', '--input', join(strata.folder, 'layout'));
    const remote = `${registry.host}/foreign:1`;
    await strata.run('tag', NAME, remote);
    await strata.run('push', '--quiet', remote);
    await strata.run('rmi', '--force', NAME, remote);
    await strata.run('pull', '--quiet', '--platform', 'windows/amd64', remote);
    assert.equal(asked, 1);
    assert.equal(await strata.run('image', 'cat', remote, 'Files/Windows/System32/cmd.exe'), 'MZ');
  } finally {
    maker.close();
  }
});

/** An OCI layout with the image; its base is foreign, to be found at `urls`. */
async function writeLayout(folder: string, urls: readonly string[]): Promise<void> {
  const blobs = join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, bytes: Buffer): { mediaType: string; digest: string; size: number } => {
    const digest = digestOf(bytes);
    writeFileSync(join(blobs, digest.slice(7)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const tars = [await layerOf(BASE), await layerOf(APP)];
  const config = {
    architecture: 'amd64',
    os: 'windows',
    'os.version': '10.0.20348.2700',
    config: { Cmd: ['c:\\windows\\system32\\cmd.exe'] },
    rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
    history: [{ created_by: 'Apply image' }, { created_by: 'COPY app.exe' }],
  };
  const [base, app] = tars.map((tar) => gzipSync(tar)) as [Buffer, Buffer];
  const foreign = { ...put(FOREIGN, base), ...(urls.length > 0 && { urls }) };
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: put('application/vnd.docker.container.image.v1+json', Buffer.from(JSON.stringify(config))),
    layers: [foreign, put('application/vnd.docker.image.rootfs.diff.tar.gzip', app)],
  };
  const named = {
    ...put(manifest.mediaType, Buffer.from(JSON.stringify(manifest))),
    annotations: { 'io.containerd.image.name': `docker.io/${NAME}`, 'org.opencontainers.image.ref.name': '1' },
    platform: { architecture: 'amd64', os: 'windows', 'os.version': '10.0.20348.2700' },
  };
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
}
