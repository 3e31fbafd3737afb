import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDriverPlace } from '../../../test/contracts/driver-place.ts';
import { snapshotterContract, unpackStack } from '../../../test/contracts/snapshotter.ts';
import { createSubvolume } from '../../linux/index.ts';
import { checkSnapshots } from '../check.ts';
import { openSnapshotter } from '../open.ts';
import { emptyTrash } from '../trash.ts';

const place = await openDriverPlace('btrfs');
const { skip, folder = '' } = place;
after(() => place[Symbol.dispose]());

snapshotterContract('btrfs', place);

test('subvolumes that were made in a container go with it', { skip }, async () => {
  const root = join(folder, 'nested');
  await using snapshots = await openSnapshotter({ root, driver: 'btrfs' });
  await snapshots.prepare('key');
  const tree = join(root, 'snapshots/btrfs/key/fs');
  createSubvolume(join(tree, 'inner'));
  writeFileSync(join(tree, 'inner/file'), 'x');
  await snapshots.remove('key');
  await emptyTrash(root);
  assert.deepEqual(checkSnapshots(root), []);
});

test('a file rewritten to the same size and time is a change, and what nobody touched takes nothing', {
  skip,
}, async () => {
  const root = join(folder, 'same');
  await using snapshots = await openSnapshotter({ root, driver: 'btrfs' });
  const mtime = 1_000_000_000n * 1_000_000_000n;
  const layer = ['file', 'other'].map((name) => ({ name, content: 'old'.repeat(10_000), mtime }));
  const active = await snapshots.prepare('key', await unpackStack({ root, snapshots }, [layer]));
  const file = join(root, 'snapshots/btrfs/key/fs/file');
  writeFileSync(file, 'new'.repeat(10_000));
  utimesSync(file, 1_000_000_000, 1_000_000_000);
  const changes: string[] = [];
  for await (const { kind, path } of active.changes()) changes.push(`${kind} ${path}`);
  assert.deepEqual(changes, ['modify file']);
  assert.equal((await snapshots.usage('key')).inodes, 1);
});
