import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { readAll } from '../std/index.ts';
import { readTar, type TarEntry, writeTar } from './index.ts';

const TAR = '/bin/tar';
const version = spawnSync(TAR, ['--version'], { encoding: 'utf8' }).stdout ?? '';
const skip = version.includes('GNU tar') ? false : 'needs GNU tar at /bin/tar';
const LONG = `${'deep/'.repeat(30)}${'n'.repeat(120)}`;
const SIZE = 3_000_000;

const plain: TarEntry = {
  name: '',
  type: 'file',
  mode: 0o640,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  userName: '',
  groupName: '',
  size: 0,
  mtime: 1_600_000_000_000_000_000n,
};

test('GNU tar extracts what is written here', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-tar-'));
  try {
    const data = Buffer.from('hello');
    const members = [
      { entry: { ...plain, name: 'd', type: 'directory', mode: 0o755 } },
      { entry: { ...plain, name: 'd/frac', size: 5, mtime: 1_600_000_000_123_456_789n }, content: [data] },
      { entry: { ...plain, name: 'd/old', mtime: -1_500_000_000n } },
      { entry: { ...plain, name: LONG, size: 5 }, content: [data] },
      { entry: { ...plain, name: 'd/link', type: 'symlink', linkName: `../${LONG}` } },
      { entry: { ...plain, name: 'd/hard', type: 'hardlink', linkName: LONG } },
      { entry: { ...plain, name: 'raw\udcff\udcfe', size: 5 }, content: [data] },
      { entry: { ...plain, name: 'fifo', type: 'fifo' } },
      { entry: { ...plain, name: 'sparse', size: SIZE, sparse: [{ offset: 1_048_576, length: 5 }] }, content: [data] },
      { entry: { ...plain, name: 'hole', size: SIZE, sparse: [] } },
    ] as const satisfies readonly { entry: TarEntry; content?: readonly Buffer[] }[];
    async function* input() {
      for (const member of members) {
        yield { entry: member.entry, ...('content' in member && { content: once(member.content[0]) }) };
      }
    }
    const archive = await readAll(writeTar(input()), { limit: 1e7, what: 'archive' });
    const listed = execFileSync(TAR, ['-t', '--quoting-style=literal'], { input: archive, stdio: 'pipe' });
    assert.equal(listed.toString('latin1').split('\n').length - 1, members.length);
    execFileSync(TAR, ['-x', '-C', folder], { input: archive, stdio: ['pipe', 'pipe', 'pipe'] });

    assert.equal(lstatSync(join(folder, 'd/frac'), { bigint: true }).mtimeNs, 1_600_000_000_123_456_789n);
    assert.equal(lstatSync(join(folder, 'd/old'), { bigint: true }).mtimeNs, -1_500_000_000n);
    assert.equal(readFileSync(join(folder, LONG), 'utf8'), 'hello');
    assert.equal(lstatSync(join(folder, LONG)).ino, lstatSync(join(folder, 'd/hard')).ino);
    assert.equal(readlinkSync(join(folder, 'd/link')), `../${LONG}`);
    assert.ok(lstatSync(Buffer.concat([Buffer.from(`${folder}/raw`), Buffer.of(0xff, 0xfe)])).isFile());
    assert.ok(lstatSync(join(folder, 'fifo')).isFIFO());
    assert.equal(lstatSync(join(folder, 'd/frac')).mode & 0o7777, 0o640);
    const sparse = readFileSync(join(folder, 'sparse'));
    assert.equal(sparse.length, SIZE);
    assert.equal(sparse.toString('latin1', 1_048_576, 1_048_581), 'hello');
    assert.equal(lstatSync(join(folder, 'hole')).size, SIZE);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

for (const [format, ...options] of [
  ['v7'],
  ['ustar'],
  ['oldgnu', '--sparse'],
  ['gnu', '--sparse'],
  ['pax', '--sparse', '--sparse-version=0.0'],
  ['pax', '--sparse', '--sparse-version=0.1'],
  ['pax', '--sparse', '--sparse-version=1.0', '--xattrs'],
] as const) {
  test(`what GNU tar writes as ${[format, ...options].join(' ')} is read`, { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'strata-tar-'));
    try {
      const long = format === 'v7' ? 'd/short' : format === 'ustar' ? `${'deep/'.repeat(20)}name` : LONG;
      makeTree(folder, long);
      const attributed = options.some((option) => option === '--xattrs') && setAttribute(join(folder, 'd/frac'));
      if (options.some((option) => option === '--xattrs') && !attributed)
        t.diagnostic('no setfattr, or no user xattrs here');
      const archive = execFileSync(TAR, [`--format=${format}`, ...options, '--sort=name', '-C', folder, '-c', '.'], {
        maxBuffer: 1e8,
      });
      const members = new Map<string, { entry: TarEntry; data: Buffer }>();
      for await (const { entry, position, content } of readTar(once(archive))) {
        const data = await readAll(content, { limit: 1e8, what: entry.name });
        assert.ok(archive.subarray(position.dataOffset, position.dataOffset + position.storedSize).equals(data));
        members.set(entry.name, { entry, data });
      }
      const fine = format === 'pax';
      assert.equal(members.get('./d/')?.entry.type, 'directory');
      assert.equal(
        members.get('./d/frac')?.entry.mtime,
        fine ? 1_600_000_000_500_000_000n : 1_600_000_000_000_000_000n,
      );
      const first = members.get(`./${long}`)?.entry.type === 'hardlink' ? './d/hard' : `./${long}`;
      const second = first === './d/hard' ? `./${long}` : './d/hard';
      assert.equal(members.get(first)?.data.toString(), 'hello');
      assert.deepEqual(
        [members.get(second)?.entry.type, members.get(second)?.entry.linkName, members.get(second)?.entry.size],
        ['hardlink', first, 0],
      );
      assert.equal(members.get('./d/link')?.entry.linkName, 'frac');
      const sparse = members.get('./sparse');
      assert.equal(sparse?.entry.size, SIZE);
      if (options.length > 0) {
        assert.ok((sparse?.entry.sparse?.length ?? 0) >= 20, 'many runs need extension blocks');
        assert.ok((sparse?.data.length ?? SIZE) < SIZE);
      }
      assert.ok(expand(sparse?.entry as TarEntry, sparse?.data as Buffer).equals(readFileSync(join(folder, 'sparse'))));
      if (attributed) {
        assert.deepEqual(members.get('./d/frac')?.entry.xattrs?.get('user.strata'), Buffer.from([0, 1, 0xff, 0x0a]));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

function makeTree(folder: string, long: string): void {
  mkdirSync(join(folder, 'd'));
  mkdirSync(join(folder, long, '..'), { recursive: true });
  writeFileSync(join(folder, 'd/frac'), 'x');
  utimesSync(join(folder, 'd/frac'), 1_600_000_000.5, 1_600_000_000.5);
  writeFileSync(join(folder, long), 'hello');
  linkSync(join(folder, long), join(folder, 'd/hard'));
  symlinkSync('frac', join(folder, 'd/link'));
  const file = openSync(join(folder, 'sparse'), 'w');
  for (let run = 0; run < 40; run++) writeSync(file, Buffer.alloc(4096, run + 1), 0, 4096, run * 65_536);
  closeSync(file);
  truncateSync(join(folder, 'sparse'), SIZE);
}

function setAttribute(path: string): boolean {
  return spawnSync('setfattr', ['-n', 'user.strata', '-v', '0x0001ff0a', path]).status === 0;
}

function expand(entry: TarEntry, data: Buffer): Buffer {
  if (!entry.sparse) return data;
  const whole = Buffer.alloc(entry.size);
  let at = 0;
  for (const { offset, length } of entry.sparse) {
    data.copy(whole, offset, at, at + length);
    at += length;
  }
  return whole;
}

async function* once(bytes: Buffer) {
  yield bytes;
}
