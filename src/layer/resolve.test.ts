import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hasCode } from '../std/index.ts';
import { type Member, member } from './fixtures.test.ts';
import type { LayerLimits } from './layer-tree.ts';
import { layerResolver } from './resolve.ts';
import type { TocEntry } from './toc.ts';

const POSITION = { headerOffset: 0, dataOffset: 512, storedSize: 1 };

function resolve(members: readonly Member[], limits?: Partial<LayerLimits>): { log: string[]; entries: TocEntry[] } {
  const log: string[] = [];
  const resolver = layerResolver(
    {
      make: (entry, inode) => log.push(`make ${entry.type} ${entry.path}${inode ? ` = ${inode.path}` : ''}`),
      clear: (made) => log.push(`clear ${made.entry.path}`),
      remove: (entry) => log.push(`remove ${entry.path}`),
    },
    limits,
  );
  for (const one of members) resolver.add(member(one), POSITION);
  return { log, entries: resolver.entries() };
}

const dir = (name: string): Member => ({ name, type: 'directory' });
const file = (name: string): Member => ({ name });
const link = (name: string, linkName: string): Member => ({ name, type: 'symlink', linkName });
const hard = (name: string, linkName: string): Member => ({ name, type: 'hardlink', linkName });
const paths = (members: readonly Member[]): string[] => resolve(members).entries.map(({ path }) => path);
const at = (members: readonly Member[], path: string): TocEntry => {
  const found = resolve(members).entries.find((entry) => entry.path === path);
  assert.ok(found, `no ${path}`);
  return found;
};
const refuses = (members: readonly Member[]): void =>
  assert.throws(
    () => resolve(members),
    (error) => hasCode(error, 'InvalidArgument'),
  );

test('the root is always the first entry, implied unless the layer describes it', () => {
  assert.equal(resolve([]).entries[0]?.implied, true);
  for (const name of ['.', './', '/', 'a/..']) {
    const { entries } = resolve([{ name, type: 'directory', mode: 0o711, uid: 3 }]);
    assert.deepEqual(
      [entries.length, entries[0]?.mode, entries[0]?.uid, entries[0]?.implied],
      [1, 0o711, 3, undefined],
    );
  }
});

test('the root is nothing but a directory', () => {
  for (const name of ['', '.', './', '/', '..', '/../']) refuses([link(name, 'etc')]);
  for (const name of ['.', '/']) refuses([file(name)]);
  for (const name of ['.wh.', '.wh..', '.wh...', 'etc/.wh.', 'etc/.wh..', 'etc/.wh...']) refuses([file(name)]);
});

test('names are cleaned and stay below the root', () => {
  assert.deepEqual(paths([file('//a/./b//c')]), ['', 'a', 'a/b', 'a/b/c']);
  assert.deepEqual(paths([file('../../x'), file('/../y'), file('a/../z')]), ['', 'x', 'y', 'z']);
  assert.deepEqual(paths([file('a\\..\\..\\b')]), ['', 'a\\..\\..\\b']);
  refuses([file('a\0b')]);
  refuses([link('a', 'b\0c')]);
});

test('ancestors come before what is in them and are implied until they are named', () => {
  const members = [file('a/b/c'), { name: 'a', type: 'directory', mode: 0o700 } satisfies Member];
  assert.deepEqual(paths(members), ['', 'a', 'a/b', 'a/b/c']);
  assert.equal(at(members, 'a').implied, undefined);
  assert.equal(at(members, 'a').mode, 0o700);
  assert.equal(at(members, 'a/b').implied, true);
});

test("a layer's own symbolic links are followed inside the root", () => {
  assert.deepEqual(paths([dir('etc'), link('l', '/etc'), file('l/x')]), ['', 'etc', 'l', 'etc/x']);
  assert.deepEqual(paths([link('a/l', '../../../b'), file('a/l/x')]), ['', 'a', 'a/l', 'b', 'b/x']);
  assert.deepEqual(paths([link('l', '/gone/../b'), file('l/x')]), ['', 'l', 'b', 'b/x']);
  assert.deepEqual(paths([link('l', 'd'), hard('h', 'l'), file('h/x')]), ['', 'l', 'h', 'd', 'd/x']);
});

test('a symbolic link that is replaced leads nowhere any more', () => {
  assert.deepEqual(paths([dir('d'), link('l', 'd'), file('l/x'), dir('l'), file('l/y')]), ['', 'd', 'd/x', 'l', 'l/y']);
  refuses([link('a/l', '.'), file('a/l/x'), file('a/l/l'), file('a/l/y')]);
});

test('loops of symbolic links and ancestors that are files are refused', () => {
  refuses([link('a', 'b'), link('b', 'a'), file('a/x')]);
  refuses([file('a'), file('a/x')]);
  refuses([file('a'), file('a/.wh.x')]);
});

test('the last of several entries of one name wins', () => {
  assert.deepEqual(resolve([file('a'), link('a', 'x')]).log, ['make file a', 'remove a', 'make symlink a']);
  assert.deepEqual(paths([file('d/x'), file('d')]), ['', 'd']);
  assert.deepEqual(paths([dir('d'), file('d/x'), dir('d')]), ['', 'd', 'd/x']);
});

test('a directory over a file of its own layer is opaque, as the file hid what was below', () => {
  assert.equal(at([file('d'), dir('d')], 'd').opaque, true);
  assert.equal(at([dir('d'), dir('d')], 'd').opaque, undefined);
});

test('whiteouts hide what is below whatever the order, and nothing of their own layer', () => {
  assert.equal(at([file('.wh.a')], 'a').type, 'whiteout');
  for (const members of [
    [file('.wh.d'), dir('d'), file('d/x')],
    [dir('d'), file('d/x'), file('.wh.d')],
    [file('d/x'), file('.wh.d')],
    [file('.wh.d'), file('d/x')],
  ]) {
    assert.deepEqual(paths(members), ['', 'd', 'd/x']);
    assert.equal(at(members, 'd').opaque, true);
    assert.equal(at(members, 'd').implied, undefined);
  }
  for (const members of [
    [file('.wh.a'), file('a')],
    [file('a'), file('.wh.a')],
  ]) {
    assert.deepEqual(paths(members), ['', 'a']);
    assert.equal(at(members, 'a').type, 'file');
  }
});

test('opaque markers work in any order and their directory keeps what the layer made', () => {
  for (const members of [
    [file('d/.wh..wh..opq'), file('d/x')],
    [file('d/x'), file('d/.wh..wh..opq'), dir('d')],
  ]) {
    assert.deepEqual(paths(members), ['', 'd', 'd/x']);
    assert.equal(at(members, 'd').opaque, true);
  }
  assert.deepEqual(resolve([file('d/x'), file('d/.wh..wh..opq')]).log.at(-1), 'clear d');
});

test('what is implied below an opaque directory takes nothing from below', () => {
  assert.equal(at([file('d/e/x'), file('d/.wh..wh..opq')], 'd/e').implied, undefined);
  assert.equal(at([file('d/e/x'), file('d/.wh..wh..opq')], 'd').implied, true);
});

test('whiteouts are decoded first and then walked like every name', () => {
  assert.deepEqual(paths([dir('etc'), link('l', '/etc'), file('l/.wh.x')]), ['', 'etc', 'l', 'etc/x']);
  assert.deepEqual(paths([file('dne/../.wh.etc')]), ['', 'etc']);
});

test('only the last part of a name is a whiteout, and what aufs kept for itself is ignored', () => {
  assert.deepEqual(paths([file('.wh.etc/some')]), ['', '.wh.etc', '.wh.etc/some']);
  assert.deepEqual(paths([dir('.wh..wh.plnk'), file('.wh..wh.plnk/1.2'), file('a/.wh..wh.aufs')]).slice(0, 1), ['']);
  assert.ok(!paths([file('.wh..wh.plnk/1.2')]).includes('.wh..wh.plnk'));
});

test('a 0/0 character device is a whiteout', () => {
  assert.equal(at([{ name: 'x', type: 'character', device: { major: 0, minor: 0 } }], 'x').type, 'whiteout');
  assert.equal(at([{ name: 'x', type: 'character', device: { major: 1, minor: 3 } }], 'x').type, 'character');
});

test('hard links name the first path of their inode', () => {
  const members = [file('a'), hard('b', 'a'), hard('c', '/b')];
  assert.equal(at(members, 'c').link, 'a');
  assert.deepEqual(
    resolve([dir('d'), link('l', 'd'), file('d/f'), hard('h', 'l/f')]).log.at(-1),
    'make hardlink h = d/f',
  );
  assert.equal(at([link('s', 'f'), hard('h', 's')], 'h').link, 's');
});

test('when the first name of an inode is replaced, the next one becomes the file', () => {
  const members: Member[] = [{ name: 'a', mode: 0o600 }, hard('b', 'a'), hard('c', 'a'), link('a', 'elsewhere')];
  assert.equal(at(members, 'b').type, 'file');
  assert.equal(at(members, 'b').mode, 0o600);
  assert.equal(at(members, 'c').link, 'b');
  assert.equal(at([file('a'), hard('b', 'a'), hard('a', 'b')], 'a').type, 'file');
});

test('hard links to nothing of this layer are left to the layers below', () => {
  const entry = at([hard('new', 'usr/bin/x')], 'new');
  assert.deepEqual([entry.link, entry.linksBelow], ['usr/bin/x', true]);
  assert.equal(at([hard('new', 'x'), hard('newer', 'new')], 'newer').link, 'new');
});

test('hard links that escape, or name directories, themselves or what the layer hides are refused', () => {
  for (const target of ['../x', '/../x', 'a/../../x', '', '/', '.']) refuses([hard('h', target)]);
  refuses([dir('d'), hard('h', 'd')]);
  refuses([hard('h', 'h')]);
  refuses([file('.wh.a'), hard('h', 'a')]);
  refuses([file('.wh.d'), hard('h', 'd/x')]);
  refuses([file('d/.wh..wh..opq'), hard('h', 'd/x')]);
  refuses([file('d/x'), hard('d', 'd/x')]);
  refuses([file('a'), hard('h', 'a/b')]);
});

test('owners that chown can not write are refused', () => {
  refuses([{ name: 'a', uid: 0xffff_ffff }]);
  refuses([{ name: 'a', gid: 2 ** 40 }]);
  assert.equal(at([{ name: 'a', uid: 0xffff_fffe }], 'a').uid, 0xffff_fffe);
});

test('attributes that would speak to the host are dropped', () => {
  const names = [
    'user.a',
    'user.overlay.opaque',
    'trusted.overlay.opaque',
    'trusted.x',
    'security.selinux',
    'security.capability',
    'security.ima',
    'system.posix_acl_access',
    'system.nfs4_acl',
  ];
  const xattrs = new Map(names.map((name) => [name, Buffer.from('v')]));
  const kept = at([{ name: 'a', xattrs }], 'a').xattrs;
  assert.deepEqual([...(kept?.keys() ?? [])], ['security.capability', 'system.posix_acl_access', 'user.a']);
});

test('limits on entries, depth and length hold for implied directories too', () => {
  const exceeds = (members: Member[], limits: Partial<LayerLimits>): void =>
    assert.throws(
      () => resolve(members, limits),
      (error) => hasCode(error, 'ResourceExhausted'),
    );
  exceeds([file('a/b/c/d')], { entries: 3 });
  exceeds([file('a/b/c/d')], { pathDepth: 2 });
  exceeds([file('a/b/c/d')], { pathLength: 6 });
  refuses([file('x'.repeat(256))]);
  refuses([file('é'.repeat(128))]);
});

test('a name of either Unicode form, of either case, is a name of its own', () => {
  assert.equal(paths([file('é'), file('e\u0301'), file('A'), file('a'), file('ß'), file('ss')]).length, 7);
});

test('a table costs less than 400 bytes of heap an entry', () => {
  const count = 100_000;
  const before = heapAfterCollection();
  const resolver = layerResolver();
  for (let index = 0; index < count; index += 1) {
    const name = Buffer.from(`usr/lib/python3/dist-packages/pkg${index % 1000}/module-${index}.py`).toString();
    resolver.add(member({ name, size: 4000 }), { headerOffset: 0, dataOffset: index * 4608, storedSize: 4000 });
  }
  const entries = resolver.entries();
  const each = (heapAfterCollection() - before) / entries.length;
  assert.ok(each < 400, `${each.toFixed(0)} bytes`);
});

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
