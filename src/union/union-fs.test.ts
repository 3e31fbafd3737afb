import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { type LayerSource, readToc } from '../layer/index.ts';
import { encodeEntry, endOfArchive, type TarEntry } from '../tar/index.ts';
import type { TocLayerInput } from './toc-layer.ts';
import { openUnionFs } from './union-fs.ts';

interface Member extends Partial<TarEntry> {
  readonly name: string;
  readonly content?: string;
}

/** A layer whose bytes are elsewhere; counts how often it is asked. */
async function layerOf(
  ...members: readonly Member[]
): Promise<TocLayerInput & { readonly source: LayerSource; reads: number }> {
  const tar = Buffer.concat([...members.flatMap(encoded), endOfArchive]);
  async function* stream(): AsyncGenerator<Buffer> {
    yield tar;
  }
  const layer = {
    entries: (await readToc(stream())).entries,
    reads: 0,
    source: {
      async read(offset: number, length: number) {
        layer.reads += 1;
        return tar.subarray(offset, offset + length);
      },
    },
  };
  return layer;
}

function encoded({ content = '', ...entry }: Member): Buffer[] {
  const data = Buffer.from(content);
  const whole: TarEntry = {
    type: 'file',
    mode: 0o755,
    uid: 0,
    gid: 0,
    userName: '',
    groupName: '',
    size: data.length,
    mtime: 1_700_000_000_123_456_789n,
    ...entry,
  };
  return [encodeEntry(whole), data, Buffer.alloc((512 - (data.length % 512)) % 512)];
}

const rejects = (work: Promise<unknown>, code: string): Promise<void> => assert.rejects(work, { code });

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});
function place(): { path: string; work: string } {
  const folder = mkdtempSync(join(tmpdir(), 'union-fs-'));
  folders.push(folder);
  for (const name of ['upper', 'work']) mkdirSync(join(folder, name));
  return { path: join(folder, 'upper'), work: join(folder, 'work') };
}

const base = (): ReturnType<typeof layerOf> =>
  layerOf(
    { name: 'etc/', type: 'directory' },
    { name: 'etc/passwd', content: 'root:x:0:0' },
    { name: 'etc/mtab', type: 'symlink', linkName: '/proc/mounts' },
    { name: 'bin/sh', content: '#!', mode: 0o4755 },
    { name: 'bin/bash', type: 'hardlink', linkName: 'bin/sh' },
    { name: 'up', type: 'symlink', linkName: '../../../../etc/passwd' },
    { name: 'absolute', type: 'symlink', linkName: '/etc' },
    { name: 'loop', type: 'symlink', linkName: 'loop' },
    { name: 'null', type: 'character', device: { major: 1, minor: 3 } },
  );

test('an image is read from its tables and bytes that are elsewhere, without root', async () => {
  const lower = await base();
  using fs = openUnionFs({
    layers: [lower, await layerOf({ name: 'etc/.wh.mtab' }, { name: 'etc/new', content: 'n' })],
  });
  assert.deepEqual((await fs.readdir('/etc')).sort(), ['new', 'passwd']);
  assert.equal(await fs.readFile('etc/passwd', 'utf8'), 'root:x:0:0');
  const stats = await fs.stat('/bin/sh');
  assert.equal(stats.mode, 0o104755);
  assert.equal(stats.nlink, 2);
  assert.equal(stats.ino, (await fs.stat('/bin/bash')).ino);
  assert.equal(stats.mtimeNs, 1_700_000_000_123_456_789n);
  assert.equal((await fs.lstat('null')).rdev, 0x103);
  await rejects(fs.readFile('/etc/mtab'), 'ENOENT');
  await rejects(fs.readFile('/etc'), 'EISDIR');
  await rejects(fs.readFile('/null'), 'ENXIO');
  await rejects(fs.readdir('/bin/sh'), 'ENOTDIR');
  await rejects(fs.writeFile('/etc/passwd', ''), 'EROFS');
});

test('symbolic links and dots lead nowhere outside the tree', async () => {
  using fs = openUnionFs({ layers: [await base()] });
  assert.equal(await fs.readFile('up', 'utf8'), 'root:x:0:0');
  assert.equal(await fs.realpath('../../absolute/../up'), '/etc/passwd');
  assert.equal(await fs.readFile('/absolute/passwd', 'utf8'), 'root:x:0:0');
  await rejects(fs.stat('/etc/mtab'), 'ENOENT');
  await rejects(fs.stat('/loop'), 'ELOOP');
  await rejects(fs.stat('/etc/passwd/'), 'ENOTDIR');
  await rejects(fs.stat(`/${'n'.repeat(256)}`), 'ENAMETOOLONG');
});

test('a stream and positional reads fetch what they need and no more', async () => {
  const layer = await layerOf({ name: 'data', content: '0123456789' });
  using fs = openUnionFs({ layers: [layer] });
  const chunks = await fs.createReadStream('data', { start: 2, end: 5 }).toArray();
  assert.equal(Buffer.concat(chunks).toString(), '2345');
  await using file = await fs.open('data');
  const buffer = Buffer.alloc(4);
  assert.deepEqual((await file.read(buffer, 0, 4, 8)).bytesRead, 2);
  assert.equal(buffer.toString('utf8', 0, 2), '89');
  assert.equal((await file.readFile()).toString(), '0123456789');
});

test('a hard link to a file of a lower layer is that file, under a number of its own', async () => {
  using fs = openUnionFs({
    layers: [await base(), await layerOf({ name: 'sh', type: 'hardlink', linkName: 'bin/sh' })],
  });
  assert.equal(await fs.readFile('sh', 'utf8'), '#!');
  assert.equal((await fs.stat('sh')).mode, 0o104755);
});

test('a directory that a layer only passes through keeps what is said of it below', async () => {
  using fs = openUnionFs({
    layers: [await layerOf({ name: 'd/', type: 'directory', mode: 0o700 }), await layerOf({ name: 'd/f' })],
  });
  assert.equal((await fs.stat('d')).mode, 0o040700);
});

const linux = process.platform === 'linux' ? false : 'a union is written on Linux alone';

test('bytes that are elsewhere are copied up by the first write, and what is cut off is never fetched', {
  skip: linux,
}, async () => {
  const lower = await base();
  const upper = place();
  using fs = openUnionFs({ layers: [lower], upper });
  await fs.writeFile('bin/sh', 'new');
  assert.equal(lower.reads, 0);
  await fs.appendFile('etc/passwd', '!');
  assert.equal(readFileSync(join(upper.path, 'etc/passwd'), 'utf8'), 'root:x:0:0!');
  assert.equal(await fs.readFile('bin/bash', 'utf8'), '#!');
  assert.equal((await fs.stat('etc')).mtimeNs, 1_700_000_000_123_456_789n);
});

test('a file that is open outlives its copy-up, its rename and its removal', { skip: linux }, async () => {
  const upper = place();
  using fs = openUnionFs({ layers: [await base()], upper });
  await using reader = await fs.open('etc/passwd');
  await using writer = await fs.open('etc/passwd', 'r+');
  await writer.write('ROOT', 0, undefined, 0);
  assert.equal((await reader.readFile()).toString(), 'ROOT:x:0:0');
  await fs.rename('etc/passwd', 'moved');
  await fs.unlink('moved');
  await writer.write('toor', 0, undefined, 0);
  const buffer = Buffer.alloc(4);
  await reader.read(buffer, 0, 4, 0);
  assert.equal(buffer.toString(), 'toor');
  assert.equal((await writer.stat()).nlink, 0);
  await writer.chmod(0o600);
  assert.equal((await reader.stat()).mode, 0o100600);
  await rejects(fs.stat('moved'), 'ENOENT');
});

test('what was left in the work folder goes, and nothing stays in it', { skip: linux }, async () => {
  const upper = place();
  mkdirSync(join(upper.work, 'work'));
  writeFileSync(join(upper.work, 'work/left'), '');
  {
    using fs = openUnionFs({ layers: [await base()], upper });
    await using file = await fs.open('new', 'w');
    await file.write('x');
    await fs.rm('etc', { recursive: true });
    await fs.unlink('new');
  }
  assert.deepEqual(readdirSync(upper.work), []);
  using again = openUnionFs({ layers: [await base()], upper });
  assert.deepEqual((await again.readdir('.')).sort(), ['absolute', 'bin', 'loop', 'null', 'up']);
});

test('an inode that is forgotten is found again with the same number', async () => {
  using fs = openUnionFs({ layers: [await base()] });
  const { files } = fs;
  const bin = files.lookup(files.root, 'bin');
  assert.ok(bin);
  const sh = files.lookup(bin, 'sh');
  assert.ok(sh);
  assert.equal(files.lookup(bin, 'sh'), sh);
  const { ino } = files.getattr(sh);
  files.forget(bin); // something below it is known still
  assert.equal(files.lookup(files.root, 'bin'), bin);
  files.forget(sh);
  const again = files.lookup(bin, 'sh');
  assert.ok(again && again !== sh);
  assert.equal(files.getattr(again).ino, ino);
});

test('unknown layers and folders are refused in words', async () => {
  assert.throws(() => openUnionFs({ layers: [{ path: '/no/such/folder' }] }), { code: 'NotFound' });
  assert.throws(() => openUnionFs({ layers: [] }), { code: 'InvalidArgument' });
});
