import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ByteStream, hasCode, readAll } from '../std/index.ts';
import { readTar, type TarEntry } from '../tar/index.ts';
import { applyLayer } from './apply.ts';
import { diffTrees } from './diff-trees.ts';
import { asRoot, describeTree, streamOf, temporaryFolder } from './fixtures.test.ts';
import { packLayer, packTree } from './pack.ts';
import type { Change } from './toc.ts';

const bytesOf = (stream: ByteStream): Promise<Buffer> => readAll(stream, { limit: 1 << 26, what: 'layer' });

async function entriesOf(changes: readonly Change[] | AsyncIterable<Change>): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  for await (const { entry } of readTar(packLayer(changes))) entries.push(entry);
  return entries;
}

const isConflict = (error: unknown): boolean => hasCode(error, 'Conflict');

test('no changes are an empty archive', async () => {
  assert.equal((await bytesOf(packLayer([]))).equals(Buffer.alloc(1024)), true);
});

test('deletes and opaque directories become markers in their place', async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'd'));
  const entries = await entriesOf([
    { kind: 'modify', path: 'd', source: join(folder.path, 'd'), opaque: true },
    { kind: 'delete', path: 'd/x' },
    { kind: 'delete', path: 'y' },
  ]);
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['d/', 'd/.wh..wh..opq', 'd/.wh.x', '.wh.y'],
  );
});

test('names of one inode become hard links to the first, symbolic links too', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'a'), 'content');
  linkSync(join(folder.path, 'a'), join(folder.path, 'b'));
  symlinkSync('a', join(folder.path, 'l'));
  linkSync(join(folder.path, 'l'), join(folder.path, 'm'));
  const entries = await entriesOf(diffTrees(undefined, folder.path));
  assert.deepEqual(
    entries.map(({ name, type, linkName }) => [name, type, linkName]),
    [
      ['./', 'directory', undefined],
      ['a', 'file', undefined],
      ['b', 'hardlink', 'a'],
      ['l', 'symlink', 'a'],
      ['m', 'hardlink', 'l'],
    ],
  );
});

test('large holes are left out, small ones are not worth it', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'big');
  const fd = openSync(path, 'w');
  writeSync(fd, 'end', 20_000_000);
  closeSync(fd);
  truncateSync(path, 40_000_000);
  const small = join(folder.path, 'small');
  writeFileSync(small, '');
  truncateSync(small, 100_000);
  const tar = await bytesOf(packTree(folder.path));
  assert.ok(tar.length < 300_000, `${tar.length}`);
  const entries = await entriesOf(diffTrees(undefined, folder.path));
  assert.deepEqual(
    entries.map(({ sparse }) => sparse !== undefined),
    [false, true, false],
  );
  using other = temporaryFolder();
  await applyLayer(streamOf(tar), other.path, { form: 'merged' });
  assert.equal(readFileSync(join(other.path, 'big')).equals(readFileSync(path)), true);
  assert.ok(statSync(join(other.path, 'big')).blocks * 512 < 1_000_000);
});

test('a file that changes its size while it is packed is a clear error, not a broken archive', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'log');
  for (const change of [() => truncateSync(path, 100), () => appendFileSync(path, 'more')]) {
    writeFileSync(path, Buffer.alloc(5_000_000));
    const stream = packTree(folder.path)[Symbol.asyncIterator]();
    await stream.next();
    await stream.next();
    change();
    await assert.rejects(async () => {
      while (!(await stream.next()).done);
    }, isConflict);
  }
});

test('a name that a layer would take for a whiteout is refused', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, '.wh.x'), '');
  await assert.rejects(bytesOf(packTree(folder.path)), (error) => hasCode(error, 'InvalidArgument'));
});

test('a directory that turns into a symbolic link on the way is not followed', async () => {
  using folder = temporaryFolder();
  const [root, outside] = [join(folder.path, 'root'), join(folder.path, 'outside')];
  mkdirSync(join(root, 'd'), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(root, 'd/secret'), 'mine');
  writeFileSync(join(outside, 'secret'), 'not mine');
  const changes: Change[] = [];
  for await (const change of diffTrees(undefined, root)) changes.push(change);
  renameSync(join(root, 'd'), join(root, 'e'));
  symlinkSync(outside, join(root, 'd'));
  await assert.rejects(bytesOf(packLayer(changes)));
});

test('a source that is not below a tree of its path is taken as it is', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'here'), 'x');
  const [entry] = await entriesOf([{ kind: 'add', path: 'usr/bin/there', source: join(folder.path, 'here') }]);
  assert.equal(entry?.name, 'usr/bin/there');
});

const present = (program: string): boolean => {
  try {
    execFileSync('which', [program]);
    return true;
  } catch {
    return false;
  }
};
const withTar = { skip: asRoot.skip || (present('tar') ? false : 'needs GNU tar') };

test('GNU tar unpacks what is packed here to the same tree', withTar, async () => {
  using folder = temporaryFolder();
  const [tree, ours, theirs] = ['tree', 'ours', 'theirs'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [tree, ours, theirs]) mkdirSync(path);
  execFileSync('sh', ['-c', PLANT], { cwd: tree });
  const tar = await bytesOf(packTree(tree));
  await applyLayer(streamOf(tar), ours, { form: 'merged' });
  execFileSync('tar', ['-x', '-p', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-C', theirs], {
    input: tar,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  assert.deepEqual(describeTree(ours), describeTree(tree));
  assert.deepEqual(describeTree(theirs), describeTree(tree));
});

test('what GNU tar packs is unpacked here to the same tree, in each of its formats', withTar, async () => {
  using folder = temporaryFolder();
  const tree = join(folder.path, 'tree');
  mkdirSync(tree);
  execFileSync('sh', ['-c', PLANT], { cwd: tree });
  for (const format of ['posix', 'gnu']) {
    const root = join(folder.path, format);
    mkdirSync(root);
    const options = [`--format=${format}`, '-S', ...(format === 'posix' ? ['--xattrs', '--xattrs-include=*'] : [])];
    const tar = execFileSync('tar', ['-c', ...options, '-C', tree, '.'], { maxBuffer: 1 << 26 });
    await applyLayer(streamOf(tar), root, { form: 'merged' });
    const [is, was] = [describeTree(root), describeTree(tree)];
    const coarse = (text: string): string =>
      format === 'posix'
        ? text
        : text.replace(/( -?\d+)\d{9}(?= |$)/, '$1').replace(/ user\.k=\w+| security\.\w+=\w+/g, '');
    for (const [path, text] of Object.entries(was)) assert.equal(coarse(is[path] ?? ''), coarse(text), path);
    assert.deepEqual(Object.keys(is), Object.keys(was));
  }
});

const PLANT = `
umask 0; mkdir -p a/b c; chmod 2775 c; chown 3:4 c
printf x > a/b/file; chown 1000:1000 a/b/file; chmod 4755 a/b/file
printf long > "a/$(printf 'n%.0s' $(seq 180))"
ln a/b/file c/hard; ln -s ../a c/sym; ln -s "/$(printf 't%.0s' $(seq 150))" long
mkfifo p; mknod dev c 1 3; chmod 640 dev
truncate -s 3M hole; printf tail >> hole
touch -d '2001-02-03 04:05:06.123456789' a/b/file c
touch -d '1960-01-01 00:00:00' p
command -v setfattr > /dev/null && setfattr -n user.k -v 'v\\0\\377' a/b/file || true
`;
