import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountNew, setXattr, unmount } from '../linux/index.ts';
import { hasCode } from '../std/index.ts';
import { diffTrees } from './diff-trees.ts';
import { asRoot, temporaryFolder } from './fixtures.test.ts';
import { overlayChanges } from './overlay-changes.ts';
import type { Change } from './toc.ts';

async function told(changes: AsyncIterable<Change>): Promise<string[]> {
  const lines: string[] = [];
  for await (const { kind, path, opaque } of changes) lines.push(`${kind} ${path}${opaque ? ' opaque' : ''}`);
  return lines;
}

/** Two equal trees to be made different. */
function twins(parent: string): [a: string, b: string] {
  const trees = ['a', 'b'].map((name) => {
    const root = join(parent, name);
    mkdirSync(join(root, 'etc/deep/er'), { recursive: true });
    for (const file of ['etc/passwd', 'etc/deep/er/x', 'top']) {
      writeFileSync(join(root, file), 'same');
      utimesSync(join(root, file), 1000, 1000);
    }
    for (const directory of ['etc/deep/er', 'etc/deep', 'etc']) utimesSync(join(root, directory), 1000, 1000);
    return root;
  });
  return trees as [string, string];
}

test('equal trees have no changes, and a tree against nothing is all new', async () => {
  using folder = temporaryFolder();
  const [a, b] = twins(folder.path);
  assert.deepEqual(await told(diffTrees(a, b)), []);
  assert.deepEqual(await told(diffTrees(undefined, a)), [
    'add ',
    'add etc',
    'add etc/deep',
    'add etc/deep/er',
    'add etc/deep/er/x',
    'add etc/passwd',
    'add top',
  ]);
});

test('a change is told after the directories above it, a directory before what is in it', async () => {
  using folder = temporaryFolder();
  const [a, b] = twins(folder.path);
  chmodSync(join(b, 'etc/deep/er/x'), 0o600);
  rmSync(join(b, 'top'));
  writeFileSync(join(b, 'etc/zz'), 'new');
  assert.deepEqual(await told(diffTrees(a, b)), [
    'modify etc',
    'modify etc/deep',
    'modify etc/deep/er',
    'modify etc/deep/er/x',
    'add etc/zz',
    'delete top',
  ]);
});

test('content that changed behind an equal size and whole-second time is found', async () => {
  using folder = temporaryFolder();
  const [a, b] = twins(folder.path);
  writeFileSync(join(b, 'top'), 'diff');
  utimesSync(join(b, 'top'), 1000, 1000);
  assert.deepEqual(await told(diffTrees(a, b)), ['modify top']);
  const later = lstatSync(join(b, 'top'), { bigint: true }).ctimeNs;
  assert.deepEqual(await told(diffTrees(a, b, { copiedAt: later })), []);
  assert.deepEqual(await told(diffTrees(a, b, { copiedAt: later - 1n })), ['modify top']);
});

test('a replaced kind is one change, and what was in a directory goes with it', async () => {
  using folder = temporaryFolder();
  const [a, b] = twins(folder.path);
  rmSync(join(b, 'etc'), { recursive: true });
  writeFileSync(join(b, 'etc'), 'file');
  rmSync(join(b, 'top'));
  mkdirSync(join(b, 'top'));
  symlinkSync('x', join(b, 'top/l'));
  assert.deepEqual(await told(diffTrees(a, b)), ['modify etc', 'modify top', 'add top/l']);
});

test('the root is told when its mode changed, not for its time', async () => {
  using folder = temporaryFolder();
  const [a, b] = twins(folder.path);
  utimesSync(b, 5, 5);
  assert.deepEqual(await told(diffTrees(a, b)), []);
  chmodSync(b, 0o700);
  assert.deepEqual(await told(diffTrees(a, b)), ['modify ']);
});

test('sockets are nothing', async () => {
  using folder = temporaryFolder();
  const [a, b] = twins(folder.path);
  const server = createServer().listen(join(b, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  assert.deepEqual(await told(diffTrees(a, b)), []);
  server.close();
});

test('names come in the order of their bytes, not of their UTF-16 units', async () => {
  using folder = temporaryFolder();
  for (const name of ['\u{1f600}', '\uffee', 'a-b', 'a']) writeFileSync(join(folder.path, name), '');
  mkdirSync(join(folder.path, 'a.d'));
  assert.deepEqual(await told(diffTrees(undefined, folder.path)), [
    'add ',
    'add a',
    'add a-b',
    'add a.d',
    'add \uffee',
    'add \u{1f600}',
  ]);
});

test(
  "an overlay's changes: copies, deletes, opaque directories, and nothing for what was made and removed",
  asRoot,
  async () => {
    using folder = temporaryFolder();
    const [lower, upper, work, shown] = ['lower', 'upper', 'work', 'shown'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
      string,
    ];
    for (const path of [upper, work, shown]) mkdirSync(path);
    renameSync(twins(folder.path)[0], lower);
    mkdirSync(join(lower, 'opt/old'), { recursive: true });
    const options = ['index', 'metacopy', 'redirect_dir'].map((key) => [key, 'off'] as const);
    mountNew('overlay', shown, [
      ['source', 'overlay'],
      ['lowerdir+', lower],
      ['upperdir', upper],
      ['workdir', work],
      ...options,
    ]);
    try {
      writeFileSync(join(shown, 'etc/passwd'), 'changed');
      rmSync(join(shown, 'top'));
      writeFileSync(join(shown, 'passing'), '');
      rmSync(join(shown, 'passing'));
      rmSync(join(shown, 'opt'), { recursive: true });
      mkdirSync(join(shown, 'opt'));
      mkdirSync(join(shown, 'opt/new'));
      chmodSync(join(shown, 'etc/deep'), 0o700);
      mkdirSync(join(shown, 'srv'));
      rmSync(join(shown, 'srv'), { recursive: true });
    } finally {
      unmount(shown);
    }
    assert.deepEqual(await told(overlayChanges(upper, [lower])), [
      'modify etc',
      'modify etc/deep',
      'modify etc/passwd',
      'modify opt opaque',
      'add opt/new',
      'delete top',
    ]);
    assert.deepEqual(await told(overlayChanges(upper, [])), [
      'add etc',
      'add etc/deep',
      'add etc/passwd',
      'add opt',
      'add opt/new',
    ]);
  },
);

test('whiteouts and opaque directories of lower layers count when a name is looked up below', asRoot, async () => {
  using folder = temporaryFolder();
  const [top, middle, bottom] = ['top', 'middle', 'bottom'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [top, middle, bottom]) {
    mkdirSync(join(path, 'd/o'), { recursive: true });
    chmodSync(path, 0o755);
  }
  for (const name of ['d/x', 'd/o/y']) writeFileSync(join(bottom, name), '');
  for (const name of ['d/x', 'd/o/y']) writeFileSync(join(top, name), '');
  const { makeDevice, mknodAt, AT_FDCWD } = await import('../linux/index.ts');
  mknodAt(AT_FDCWD, join(middle, 'd/x'), 0o020000, makeDevice(0, 0));
  setXattr(join(middle, 'd/o'), 'trusted.overlay.opaque', Buffer.from('y'));
  assert.deepEqual(await told(overlayChanges(top, [middle, bottom])), [
    'modify d',
    'modify d/o',
    'add d/o/y',
    'add d/x',
  ]);
  assert.deepEqual(await told(overlayChanges(top, [bottom])), ['modify d', 'modify d/o', 'modify d/o/y', 'modify d/x']);
});

test('an upper written with redirects is refused, as no layer can say it', asRoot, async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'd'));
  setXattr(join(folder.path, 'd'), 'trusted.overlay.redirect', Buffer.from('old'));
  await assert.rejects(told(overlayChanges(folder.path, [])), (error) => hasCode(error, 'Conflict'));
});
