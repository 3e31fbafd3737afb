import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { getXattr, setXattr } from '../linux/index.ts';
import { hasCode } from '../std/index.ts';
import { type AppliedLayer, type ApplyOptions, applyLayer } from './apply.ts';
import { asRoot, describeTree, type Member, readlink, streamOf, tarOf, temporaryFolder } from './fixtures.test.ts';
import { lowerLookup } from './lower.ts';
import { NOTHING_PENDING, settleLayer } from './settle.ts';

const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex'); // cap_net_raw=ep, capability.h VFS_CAP_REVISION_2

function apply(root: string, members: readonly Member[], options: Partial<ApplyOptions> = {}): Promise<AppliedLayer> {
  return applyLayer(streamOf(tarOf(members), 700), root, { form: 'merged', ...options });
}

const dir = (name: string, rest: Partial<Member> = {}): Member => ({ name, type: 'directory', ...rest });

test('a layer is written with its modes, owners, times and attributes', asRoot, async () => {
  using folder = temporaryFolder();
  const xattrs = new Map([
    ['user.note', Buffer.from([0, 255, 10])],
    ['security.capability', CAPABILITY],
    ['trusted.overlay.opaque', Buffer.from('y')],
  ]);
  await apply(folder.path, [
    dir('d', { mode: 0o1777, uid: 7, gid: 8, mtime: 1_234_567_890_123_456_789n }),
    { name: 'd/ping', mode: 0o4755, uid: 1, gid: 2, content: 'x', xattrs, mtime: 5n },
    { name: 'd/old', content: 'y', mtime: -1_500_000_000n },
    { name: 'd/l', type: 'symlink', linkName: '../../etc', uid: 5, gid: 6 },
    { name: 'd/null', type: 'character', mode: 0o666, device: { major: 1, minor: 3 } },
    { name: 'd/p', type: 'fifo', mode: 0o622 },
  ]);
  const ping = lstatSync(join(folder.path, 'd/ping'), { bigint: true });
  assert.deepEqual([ping.mode & 0o7777n, ping.uid, ping.gid, ping.mtimeNs], [0o4755n, 1n, 2n, 5n]);
  assert.deepEqual(getXattr(join(folder.path, 'd/ping'), 'security.capability'), CAPABILITY);
  assert.deepEqual(getXattr(join(folder.path, 'd/ping'), 'user.note'), Buffer.from([0, 255, 10]));
  assert.equal(getXattr(join(folder.path, 'd/ping'), 'trusted.overlay.opaque'), undefined);
  const d = lstatSync(join(folder.path, 'd'), { bigint: true });
  assert.deepEqual([d.mode & 0o7777n, d.uid, d.gid, d.mtimeNs], [0o1777n, 7n, 8n, 1_234_567_890_123_456_789n]);
  assert.equal(lstatSync(join(folder.path, 'd/old'), { bigint: true }).mtimeNs, -1_500_000_000n);
  assert.equal(lstatSync(join(folder.path, 'd/l')).uid, 5);
  assert.equal(lstatSync(join(folder.path, 'd/null')).rdev, 0x103);
  assert.equal(lstatSync(join(folder.path, 'd/p')).mode & 0o777, 0o622);
});

test('nothing is inherited from set-group-ID directories and default ACLs of lower layers', asRoot, async () => {
  using folder = temporaryFolder();
  const acl = Buffer.from('0200000001000700ffffffff04000500ffffffff20000500ffffffff', 'hex');
  await apply(folder.path, [dir('s', { mode: 0o2775, gid: 50, xattrs: new Map([['system.posix_acl_default', acl]]) })]);
  const before = describeTree(folder.path);
  await apply(folder.path, [{ name: 's/new/file', content: 'x', mode: 0o666 }]);
  const file = lstatSync(join(folder.path, 's/new/file'));
  assert.deepEqual([file.gid, file.mode & 0o7777], [0, 0o666]);
  assert.equal(lstatSync(join(folder.path, 's/new')).mode & 0o7777, 0o755);
  assert.equal(describeTree(folder.path)['s'], before['s']);
});

test('a sparse file keeps its holes', async () => {
  using folder = temporaryFolder();
  const sparse = [
    { offset: 4096, length: 3 },
    { offset: 50_000_000, length: 4 },
  ];
  await apply(folder.path, [{ name: 's', size: 100_000_000, sparse, content: 'abcdefg' }]);
  const stats = statSync(join(folder.path, 's'));
  assert.equal(stats.size, 100_000_000);
  assert.ok(stats.blocks * 512 < 1_000_000);
  const content = readFileSync(join(folder.path, 's'));
  assert.equal(content.toString('latin1', 4096, 4099), 'abc');
  assert.equal(content.toString('latin1', 50_000_000, 50_000_004), 'defg');
});

test('names that are no UTF-8 arrive as their bytes', async () => {
  using folder = temporaryFolder();
  await apply(folder.path, [
    dir('d\udcff'),
    { name: 'd\udcff/\udc80é', content: 'x' },
    { name: 'l', type: 'symlink', linkName: 'd\udcff' },
  ]);
  assert.equal(readlink(join(folder.path, 'l')), 'd\udcff');
  assert.equal(
    readFileSync(
      Buffer.concat([Buffer.from(`${folder.path}/d`), Buffer.from([255, 47, 128]), Buffer.from('é')]),
    ).toString(),
    'x',
  );
});

test('a merged layer changes the tree below it: whiteouts delete, opaque directories hide, kinds are replaced', async () => {
  using folder = temporaryFolder();
  await apply(folder.path, [
    { name: 'gone/x', content: '1' },
    { name: 'o/below', content: '1' },
    { name: 'o/e/below', content: '1' },
    { name: 'l', type: 'symlink', linkName: '/etc' },
    { name: 'kept/x', content: '1' },
    dir('f'),
  ]);
  await apply(folder.path, [
    { name: '.wh.gone' },
    { name: 'o/e/new', content: '2' },
    { name: 'o/.wh..wh..opq' },
    { name: 'l/passwd', content: '2' },
    { name: 'f', content: '2' },
    { name: 'kept/y', content: '2' },
  ]);
  const paths = Object.keys(describeTree(folder.path));
  assert.deepEqual(paths, ['', 'f', 'kept', 'kept/x', 'kept/y', 'l', 'l/passwd', 'o', 'o/e', 'o/e/new']);
});

test('directories that a layer only passes through keep their metadata, times included', asRoot, async () => {
  using folder = temporaryFolder();
  await apply(folder.path, [dir('d', { mode: 0o700, uid: 9, mtime: 42n }), { name: 'd/x' }]);
  const before = describeTree(folder.path)['d'];
  await apply(folder.path, [{ name: 'd/y' }, { name: 'd/.wh.x' }]);
  assert.equal(describeTree(folder.path)['d'], before);
});

test('an overlay layer has device whiteouts and marks opaque directories', asRoot, async () => {
  using folder = temporaryFolder();
  const applied = await apply(folder.path, [{ name: '.wh.a' }, dir('d'), { name: 'd/.wh..wh..opq' }], {
    form: 'overlay',
  });
  assert.equal(lstatSync(join(folder.path, 'a')).isCharacterDevice(), true);
  assert.equal(lstatSync(join(folder.path, 'a')).rdev, 0);
  assert.equal(getXattr(join(folder.path, 'd'), 'trusted.overlay.opaque')?.toString(), 'y');
  assert.equal(applied.opaque, false);
  using other = temporaryFolder();
  const user = await apply(other.path, [dir('d'), { name: 'd/.wh..wh..opq' }], { form: 'overlay', userXattr: true });
  assert.equal(getXattr(join(other.path, 'd'), 'user.overlay.opaque')?.toString(), 'y');
  assert.equal(user.opaque, false);
});

test(
  'an overlay layer takes from below what it links to and passes through, at once or when it settles',
  asRoot,
  async () => {
    using folder = temporaryFolder();
    const [base, now, later] = ['base', 'now', 'later'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [base, now, later]) mkdirSync(path);
    await apply(base, [
      dir('d', { mode: 0o750, uid: 4, mtime: 77n, xattrs: new Map([['user.k', Buffer.from('v')]]) }),
      { name: 'd/tool', content: 'tool', mode: 0o4755, uid: 3, mtime: 99n },
    ]);
    const lower = lowerLookup([base]);
    const members: Member[] = [
      { name: 'd/e', content: 'x' },
      { name: 'd/copy', type: 'hardlink', linkName: 'd/tool' },
      { name: 'copy2', type: 'hardlink', linkName: 'd/copy' },
    ];
    const done = await apply(now, members, { form: 'overlay', lower });
    assert.deepEqual(done.pending, NOTHING_PENDING);
    const { pending } = await apply(later, members, { form: 'overlay' });
    assert.deepEqual(pending, {
      impliedDirectories: ['', 'd'],
      linksBelow: [{ below: 'd/tool', paths: ['d/copy', 'copy2'] }],
      whiteouts: [],
    });
    settleLayer(later, pending, lower);
    assert.deepEqual(describeTree(later), describeTree(now));
    settleLayer(later, pending, lower);
    assert.deepEqual(describeTree(later), describeTree(now));
    assert.match(describeTree(now)['d'] as string, /^40750 4:0 77 /);
    assert.match(describeTree(now)['d/copy'] as string, /= copy2/);
  },
);

test(
  'whiteouts that hide nothing are not kept in an overlay layer, where a lone directory would list them',
  asRoot,
  async () => {
    using folder = temporaryFolder();
    const [base, now, later] = ['base', 'now', 'later'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [base, now, later]) mkdirSync(path);
    await apply(base, [{ name: 'd/x' }]);
    const members: Member[] = [
      { name: 'd/.wh.x' },
      { name: 'd/.wh.y' },
      { name: 'new/.wh.x' },
      { name: 'o/.wh.x' },
      { name: 'o/.wh..wh..opq' },
    ];
    const lower = lowerLookup([base]);
    await apply(now, members, { form: 'overlay', lower });
    assert.deepEqual(Object.keys(describeTree(now)), ['', 'd', 'd/x', 'new', 'o']);
    const { pending } = await apply(later, members, { form: 'overlay' });
    settleLayer(later, pending, lower);
    assert.deepEqual(describeTree(later), describeTree(now));
  },
);

test('a hard link to nothing is refused, in each form', async () => {
  for (const options of [{ form: 'merged' }, { form: 'overlay', lower: () => undefined }] as const) {
    using folder = temporaryFolder();
    await assert.rejects(apply(folder.path, [{ name: 'h', type: 'hardlink', linkName: 'none' }], options), (error) =>
      hasCode(error, 'InvalidArgument'),
    );
  }
});

test('symbolic links of lower layers are never followed: not by files, whiteouts or hard links', async () => {
  using folder = temporaryFolder();
  const [root, outside] = [join(folder.path, 'root'), join(folder.path, 'outside')] as const;
  for (const path of [root, outside]) mkdirSync(path);
  writeFileSync(join(outside, 'victim'), 'safe');
  symlinkSync(outside, join(root, 'l'));
  symlinkSync('../outside', join(root, 'm'));
  symlinkSync(outside, join(root, 'n'));
  await apply(root, [{ name: 'l/victim', content: 'evil' }, { name: 'm/.wh.victim' }]);
  assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'safe');
  assert.equal(lstatSync(join(root, 'l')).isDirectory(), true);
  await assert.rejects(apply(root, [{ name: 'h', type: 'hardlink', linkName: 'n/victim' }]), (error) =>
    hasCode(error, 'InvalidArgument'),
  );
  assert.equal(statSync(join(outside, 'victim')).nlink, 1);
});

test('hostile names stay inside the root', async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, 'a/b/root');
  mkdirSync(root, { recursive: true });
  const names = [
    '../../x',
    '/../../x',
    '../../../../../../x',
    'l/../../x',
    'l/x',
    '..\\..\\x',
    './../x',
    'a/../../../x',
  ];
  for (const name of names) {
    const members: Member[] = [
      { name: 'l', type: 'symlink', linkName: '../../..' },
      { name, content: 'evil' },
    ];
    await apply(root, members);
  }
  assert.deepEqual(
    Object.keys(describeTree(folder.path)).filter((path) => !path.startsWith('a/b/root/')),
    ['', 'a', 'a/b', 'a/b/root'],
  );
  assert.equal(existsSync(join(root, 'x')), true);
});

test('without privilege owners and devices are left out and counted', async () => {
  using folder = temporaryFolder();
  const { skipped } = await apply(
    folder.path,
    [
      { name: 'f', uid: 12 },
      { name: 'n', type: 'block', device: { major: 8, minor: 0 } },
    ],
    { ownership: 'ignore' },
  );
  assert.deepEqual(skipped, { devices: 1, xattrs: 0 });
  assert.equal(lstatSync(join(folder.path, 'f')).uid, process.geteuid?.());
  assert.equal(existsSync(join(folder.path, 'n')), false);
});

test('no file descriptor is left open, also after a failure', async () => {
  using folder = temporaryFolder();
  const many = Array.from({ length: 300 }, (_, index) => ({ name: `d${index}/e/f`, content: 'x' }));
  await apply(folder.path, many);
  await assert.rejects(apply(folder.path, [{ name: 'f', content: 'x' }, { name: 'f/x' }]));
  await assert.rejects(
    applyLayer(streamOf(tarOf([{ name: 'big', content: 'x'.repeat(9999) }]).subarray(0, 3000)), folder.path, {
      form: 'merged',
    }),
  );
  const open = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // the listing's own
    }
  });
  assert.deepEqual(
    open.filter((path) => path.startsWith(folder.path)),
    [],
  );
});

test('an abort ends it with its own reason', async () => {
  using folder = temporaryFolder();
  const reason = new Error('enough');
  await assert.rejects(apply(folder.path, [{ name: 'a' }], { signal: AbortSignal.abort(reason) }), reason);
});

test('a root that is not empty is told in form overlay', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'a'), '');
  setXattr(join(folder.path, 'a'), 'user.x', Buffer.from('y'));
  await assert.rejects(apply(folder.path, [{ name: 'a' }], { form: 'overlay' }), (error) => hasCode(error, 'Conflict'));
});
