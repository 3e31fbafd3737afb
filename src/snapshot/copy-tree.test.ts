import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeTree } from '../../test/contracts/describe-tree.ts';
import { AT_FDCWD, linkAt, makeDevice, mknodAt, setXattr, symlinkAt, utimesAt } from '../linux/index.ts';
import { fsPath } from '../std/index.ts';
import { copyTree } from './copy-tree.ts';
import { measureTree } from './measure-tree.ts';

const skip = process.geteuid?.() === 0 ? false : 'devices and owners need root';
const S_IFCHR = 0o020000;
const S_IFIFO = 0o010000;

test('a copy has everything of its original, holes and links too', { skip }, (t) => {
  const root = mkdtempSync(join(tmpdir(), 'strata-copy-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const [from, to] = [join(root, 'from'), join(root, 'to')];
  mkdirSync(join(from, 'deep/er'), { recursive: true });
  mkdirSync(to);
  writeFileSync(fsPath(`${from}/odd \udcff`), 'odd');
  writeFileSync(join(from, 'tool'), 'tool', { mode: 0o755 });
  execFileSync('chown', ['7:8', join(from, 'tool')]);
  execFileSync('chmod', ['4751', join(from, 'tool')]);
  setXattr(join(from, 'tool'), 'security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex'));
  setXattr(join(from, 'deep'), 'user.note', Buffer.of(0, 1, 255));
  setXattr(from, 'user.root', Buffer.from('r'));
  linkAt(AT_FDCWD, join(from, 'tool'), AT_FDCWD, join(from, 'deep/alias'));
  symlinkAt('/no/\udcfe', AT_FDCWD, join(from, 'link'));
  linkAt(AT_FDCWD, join(from, 'link'), AT_FDCWD, join(from, 'link-again'));
  mknodAt(AT_FDCWD, join(from, 'null'), S_IFCHR | 0o666, makeDevice(1, 3));
  mknodAt(AT_FDCWD, join(from, 'pipe'), S_IFIFO | 0o600, 0n);
  execFileSync('sh', [
    '-c',
    'printf data | dd of="$0" bs=1 seek=5000000 conv=notrunc status=none',
    join(from, 'sparse'),
  ]);
  execFileSync('truncate', ['-s', '9000000', join(from, 'sparse')]);
  utimesAt(AT_FDCWD, join(from, 'link'), 1n, 1_500_000_000_987_654_321n);
  utimesAt(AT_FDCWD, join(from, 'deep'), 1n, -5n);
  copyTree(from, to);
  assert.deepEqual(describeTree(to), describeTree(from));
  assert.ok(statSync(join(to, 'sparse')).blocks * 512 < 200_000);
  assert.equal(measureTree(to).inodes, measureTree(from).inodes);
});
