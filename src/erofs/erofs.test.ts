import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeTree } from '../../test/contracts/describe-tree.ts';
import { layerOf, type Member, MTIME } from '../../test/contracts/layer-input.ts';
import { applyLayer, readToc } from '../layer/index.ts';
import { getXattr, mount, unmount } from '../linux/index.ts';
import { EngineError, errorMessage } from '../std/index.ts';
import { type ErofsEntry, writeErofs } from './index.ts';

const place = mkdtempSync(join(tmpdir(), 'strata-erofs-'));
test.after(() => rmSync(place, { recursive: true, force: true }));
const at = (name: string): string => join(place, name);
for (const folder of ['mnt', 'tree']) mkdirSync(at(folder));

const directory = (path: string): ErofsEntry => ({ ...FILE, path, type: 'directory', mode: 0o755, size: 0 });
const FILE: ErofsEntry = { path: '', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtime: MTIME };

function writeFile(name: string, chunks: Iterable<Uint8Array>): void {
  const file = openSync(at(name), 'w');
  for (const chunk of chunks) writeSync(file, chunk);
  closeSync(file);
}

/** Writes image and device, mounts them and shows what is there. */
function shown<Result>(
  entries: readonly ErofsEntry[],
  device: Uint8Array,
  look: (mounted: string) => Result,
  size = device.length,
): Result {
  writeFile('device', [device]);
  if (size > device.length) truncateSync(at('device'), size);
  writeFile('image', writeErofs(entries, { devices: [size] }));
  mount(at('image'), at('mnt'), 'erofs', 1, `device=${at('device')}`);
  try {
    return look(at('mnt'));
  } finally {
    unmount(at('mnt'));
  }
}

function whyNot(): string | false {
  if (process.geteuid?.() !== 0) return 'mounting needs root';
  try {
    shown([directory('')], Buffer.alloc(512), () => {});
    return false;
  } catch (error) {
    return `EROFS can't be mounted from a file here: ${errorMessage(error)}`;
  }
}
const skip = whyNot();

async function* streamOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Holds the image of a layer against the layer unpacked. */
async function assertSame(members: readonly Member[]): Promise<void> {
  const layer = await layerOf(members);
  const { entries } = await readToc(streamOf(layer));
  rmSync(at('tree'), { recursive: true });
  mkdirSync(at('tree'));
  await applyLayer(streamOf(layer), at('tree'), { form: 'overlay' });
  const found = shown(entries, layer, (mounted) => describeTree(mounted));
  const unpacked = describeTree(at('tree'));
  for (const { path, type } of entries) if (type === 'whiteout') unpacked.set(path, found.get(path) as string);
  assert.deepEqual([...found].sort(), [...unpacked].sort());
}

const LETTERS = ['a', 'b', '-', '.x', ' ', '\n', 'é', '日', '\ue000', '😀', '\udcff', '\udc80', 'long'.repeat(63)];
const name = fc
  .array(fc.constantFrom(...LETTERS), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join(''))
  .filter((text) => Buffer.byteLength(text) <= 255);
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const metadata = fc.record({
  mode: fc.constantFrom(0o644, 0o4755, 0o1777, 0),
  uid: fc.constantFrom(0, 65_535, 65_536, 0x7fff_ffff),
  gid: fc.constantFrom(0, 70_000),
  mtime: fc.oneof(fc.constant(MTIME), fc.bigInt(-(10n ** 18n), 10n ** 19n)),
  xattrs: fc.constantFrom(
    undefined,
    new Map([['user.same', Buffer.from('shared')]]),
    new Map([
      ['user.same', Buffer.from('shared')],
      ['user.empty', Buffer.alloc(0)],
      ['user.big', Buffer.alloc(1500, 'x')],
    ]),
  ),
});
const plain = ({ xattrs, ...rest }: { xattrs?: Map<string, Buffer> | undefined; mode: number }): Partial<Member> => ({
  ...rest,
  ...(xattrs && { xattrs }),
});
const member: fc.Arbitrary<Member> = fc.oneof(
  fc.record({ name: path, length: fc.nat(3000), meta: metadata }).map(({ name, length, meta }) => ({
    ...plain(meta),
    name,
    content: Buffer.alloc(length, name),
  })),
  fc.record({ path, meta: metadata }).map(({ path, meta }) => ({ ...plain(meta), name: `${path}/` })),
  fc
    .record({ name: path, target: fc.string({ minLength: 1, maxLength: 1200, unit: 'grapheme-ascii' }) })
    .map(({ name, target }) => ({ name, linkName: target, type: 'symlink' as const, mode: 0o777 })),
  fc
    .record({ name: path, type: fc.constantFrom('character' as const, 'block' as const), minor: fc.nat(0xfffff) })
    .map(({ name, type, minor }) => ({ name, type, device: { major: 1 + (minor % 4095), minor } })),
  fc.record({ name: path, type: fc.constant('fifo' as const) }),
  path.map((path) => ({ name: path.replace(/([^/]+)$/, '.wh.$1') })),
);

/** What a layer can hold of them: no name below what is no directory, and a second name for each third file. */
function consistent(members: readonly Member[]): Member[] {
  const seen = new Map<string, Member>();
  const kept: Member[] = [];
  for (const member of members) {
    const path = member.name.replace(/\/$/, '').replace('.wh.', '');
    const parts = path.split('/');
    const ancestors = parts.slice(0, -1).map((_, depth) => parts.slice(0, depth + 1).join('/'));
    if (seen.has(path) || ancestors.some((one) => seen.has(one) && !seen.get(one)?.name.endsWith('/'))) continue;
    if ([...seen.keys()].some((other) => other.startsWith(`${path}/`))) continue;
    if (member.name.split('/').some((part) => Buffer.byteLength(part) > 255)) continue;
    for (const one of ancestors) if (!seen.has(one)) seen.set(one, { name: `${one}/` });
    seen.set(path, member);
    kept.push(member);
    if (kept.length % 3 === 0 && member.content !== undefined)
      kept.push({ name: `other-${kept.length}`, type: 'hardlink', linkName: member.name });
  }
  return kept;
}

test('an image shows what the layer unpacks to', { skip, timeout: 120_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.array(member, { maxLength: 25 }).map(consistent), assertSame), { numRuns: 150 });
});

test('large directories are found name by name', { skip }, async () => {
  const many = Array.from(
    { length: 3000 },
    (_, i): Member => ({
      name: `d/${i % 7 === 0 ? 'some-longer-name-of-a-file-'.repeat(i % 9) : ''}${i}`,
      content: `${i}`,
    }),
  );
  await assertSame([{ name: 'd/' }, ...many]);
});

test('attributes that overlayfs and the kernel read arrive', { skip }, () => {
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  const acl = Buffer.from('0200000001000600ffffffff04000400ffffffff20000400ffffffff', 'hex');
  const entries: ErofsEntry[] = [
    directory(''),
    { ...directory('hides'), opaque: true, xattrs: new Map([['system.posix_acl_default', acl]]) },
    { ...directory('hides too'), opaque: true },
    { ...FILE, path: 'ping', xattrs: new Map([['security.capability', capability]]) },
    { ...FILE, path: 'acl', xattrs: new Map([['system.posix_acl_access', acl]]) },
    { ...FILE, path: 'gone', type: 'whiteout', mode: 0 },
    { ...FILE, path: 'talk', type: 'socket' },
  ];
  shown(entries, Buffer.alloc(0), (mounted) => {
    const value = (name: string, key: string): string | undefined =>
      getXattr(join(mounted, name), key)?.toString('hex');
    assert.equal(value('hides', 'trusted.overlay.opaque'), '79');
    assert.equal(value('hides too', 'trusted.overlay.opaque'), '79');
    assert.equal(value('hides', 'system.posix_acl_default'), acl.toString('hex'));
    assert.equal(value('acl', 'system.posix_acl_access'), acl.toString('hex'));
    assert.equal(value('ping', 'security.capability'), capability.toString('hex'));
    assert.ok(statSync(join(mounted, 'gone')).isCharacterDevice() && statSync(join(mounted, 'gone')).rdev === 0);
    assert.ok(statSync(join(mounted, 'talk')).isSocket());
  });
});

test('holes are holes, and a file of five gigabytes is one piece', { skip }, () => {
  const GB = 2 ** 30;
  const device = Buffer.alloc(4096, 'data');
  const runs = [
    { offset: 4096, length: 512 },
    { offset: 3 * GB, length: 512 },
    { offset: 5 * GB - 7, length: 0 },
  ];
  const entries: ErofsEntry[] = [
    directory(''),
    { ...FILE, path: 'big', size: 5 * GB, data: { offset: 512 } },
    { ...FILE, path: 'sparse', size: 4 * GB + 3, data: { offset: 0, sparse: [{ offset: 4 * GB, length: 3 }] } },
    { ...FILE, path: 'runs', size: 40_960, data: { offset: 1024, sparse: runs.slice(0, 1) } },
    { ...FILE, path: 'zeros', size: 100_000 },
  ];
  const read = (path: string, position: number): string => {
    const bytes = Buffer.alloc(4);
    const file = openSync(path, 'r');
    const length = readSync(file, bytes, 0, 4, position);
    closeSync(file);
    return bytes.toString('latin1', 0, length);
  };
  shown(
    entries,
    device,
    (mounted) => {
      assert.equal(statSync(join(mounted, 'big')).size, 5 * GB);
      assert.equal(read(join(mounted, 'big'), 0), 'data');
      assert.equal(read(join(mounted, 'big'), 5 * GB - 4), '\0\0\0\0');
      assert.equal(read(join(mounted, 'sparse'), 2 * GB), '\0\0\0\0');
      assert.equal(read(join(mounted, 'sparse'), 4 * GB), 'dat');
      assert.equal(read(join(mounted, 'runs'), 4092), '\0\0\0\0');
      assert.equal(read(join(mounted, 'runs'), 4096), 'data');
      assert.equal(read(join(mounted, 'runs'), 4608), '\0\0\0\0');
      assert.equal(read(join(mounted, 'zeros'), 99_998), '\0\0');
    },
    5 * GB + 1024,
  );
});

test('fsck.erofs finds nothing wrong', { skip: hasFsck() }, () => {
  const names = Array.from({ length: 900 }, (_, i) => `usr/${i}-${'x'.repeat(i % 240)}`);
  const entries: ErofsEntry[] = [
    directory(''),
    directory('usr'),
    ...names.map((path, i): ErofsEntry => ({ ...FILE, path, size: i * 7, data: { offset: i * 8192 }, uid: i * 100 })),
    { ...FILE, path: 'link', type: 'symlink', link: 'to/somewhere/'.repeat(40) },
    { ...FILE, path: 'same', type: 'hardlink', link: 'usr/3-xxx' },
    { ...FILE, path: 'gone', type: 'whiteout' },
    { ...FILE, path: 'marked', xattrs: new Map([['user.a', Buffer.from('b')]]) },
    { ...directory('hides'), opaque: true, xattrs: new Map([['user.a', Buffer.from('b')]]) },
  ];
  writeFile('device', [Buffer.alloc(900 * 8192)]);
  // erofs-utils before 1.6 knows no smaller block than a page.
  writeFile('image', writeErofs(entries, { devices: [900 * 8192], block: 4096 }));
  const { stdout, stderr, status } = spawnSync('fsck.erofs', [`--device=${at('device')}`, at('image')], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
  assert.doesNotMatch(stdout + stderr, /<[EW]>/);
});

function hasFsck(): string | false {
  return spawnSync('fsck.erofs', ['-V']).error ? 'fsck.erofs is not installed: apt-get install erofs-utils' : false;
}

test('what is no tree is refused', () => {
  const refused = (entries: readonly ErofsEntry[], message: RegExp): void => {
    assert.throws(
      () => [...writeErofs(entries, { devices: [512] })],
      (error) => error instanceof EngineError && error.code === 'InvalidArgument' && message.test(error.message),
    );
  };
  refused([], /no directory/);
  refused([FILE], /no directory/);
  refused([directory(''), { ...FILE, path: 'a/b' }], /no directory "a"/);
  refused([directory(''), { ...FILE, path: 'a' }, { ...FILE, path: 'a' }], /twice/);
  refused([directory(''), { ...FILE, path: '..' }], /no name/);
  refused([directory(''), { ...FILE, path: 'x'.repeat(256) }], /longer/);
  refused([directory(''), { ...FILE, path: 'a', type: 'hardlink', link: 'b' }], /no file/);
  refused([directory(''), { ...FILE, path: 'a', size: 5, data: { offset: 7 } }], /blocks of 512/);
  refused([directory(''), { ...FILE, path: 'a', size: 5, data: { offset: 0, device: 1 } }], /device 1/);
});

test('a hundred thousand files take a second and less than 400 bytes each', { timeout: 60_000 }, () => {
  const entries: ErofsEntry[] = [directory('')];
  for (let i = 0; i < 2000; i++) {
    entries.push(directory(`package-${i}`));
    for (let j = 0; j < 50; j++)
      entries.push({ ...FILE, path: `package-${i}/file-${j}.js`, size: 3000, data: { offset: i * j * 512 } });
  }
  const before = process.memoryUsage().rss;
  const began = performance.now();
  let size = 0;
  for (const chunk of writeErofs(entries, { devices: [1 << 30] })) size += chunk.length;
  assert.ok(performance.now() - began < 3000, `${performance.now() - began} ms`);
  assert.ok(size < 12 << 20, `${size} bytes`);
  const grown = process.memoryUsage().rss - before;
  assert.ok(grown < entries.length * 400 + (150 << 20), `${grown} bytes`);
});
