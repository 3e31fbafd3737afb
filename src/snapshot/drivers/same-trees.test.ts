import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type DriverPlace, openDriverPlace } from '../../../test/contracts/driver-place.ts';
import { type Member, MTIME } from '../../../test/contracts/layer-input.ts';
import { show, unpackStack } from '../../../test/contracts/snapshotter.ts';
import { unmountBelow } from '../../../test/contracts/unmount-below.ts';
import { DRIVERS } from '../drivers.ts';
import { openSnapshotter } from '../open.ts';

const places = new Map<string, DriverPlace>();
for (const { name } of DRIVERS) places.set(name, await openDriverPlace(name));
after(() => {
  for (const place of places.values()) place[Symbol.dispose]();
});

const name = fc.constantFrom('a', 'b', 'c');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const metadata = fc.record({
  mode: fc.constantFrom(0o755, 0o700, 0o4755, 0o1777),
  uid: fc.constantFrom(0, 1000),
  mtime: fc.nat(1000).map((ns) => MTIME + BigInt(ns)),
});
const member: fc.Arbitrary<Member> = fc.oneof(
  fc.record({ name: path, content: fc.string(), meta: metadata }).map(({ meta, ...file }) => ({ ...file, ...meta })),
  fc.record({ path, meta: metadata }).map(({ path, meta }) => ({ name: `${path}/`, ...meta })),
  fc.record({ name: path, linkName: path }).map((link) => ({ ...link, type: 'symlink' as const, mode: 0o777 })),
  path.map((path) => ({ name: path.replace(/([^/]+)$/, '.wh.$1') })),
  path.map((path) => ({ name: `${path}/.wh..wh..opq` })),
);

const layer = fc.array(member, { maxLength: 10 }).map(consistent);
const stack = fc.array(layer, { minLength: 1, maxLength: 4 });

/** Without what lies below a file or a link of the same layer: such layers are refused. */
function consistent(members: readonly Member[]): Member[] {
  const isDirectory = new Map<string, boolean>();
  return members.filter(({ name }) => {
    const parts = name.replace(/\/$/, '').split('/');
    const above = parts.slice(0, -1).map((_, depth) => parts.slice(0, depth + 1).join('/'));
    if (above.some((path) => isDirectory.get(path) === false)) return false;
    for (const path of above) isDirectory.set(path, true);
    if (!parts.at(-1)?.startsWith('.wh.')) isDirectory.set(parts.join('/'), name.endsWith('/'));
    return true;
  });
}

for (const [driver, place] of places) {
  if (driver === 'vfs') continue; // the others are held against it: it knows nothing but files
  test(`${driver} and vfs show the same tree for the same layers`, { skip: place.skip, timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(stack, async (layers) => {
        const trees = await Promise.all([
          treeOf('vfs', { ...place, folder: tmpdir() }, layers),
          treeOf(driver, place, layers),
        ]);
        assert.deepEqual(trees[1], trees[0]);
      }),
      { numRuns: place.wholeSeconds ? 8 : 40 }, // zfs-fuse is slow
    );
  });
}

async function treeOf(
  driver: string,
  { folder, wholeSeconds = false }: Omit<DriverPlace, keyof Disposable>,
  layers: readonly Member[][],
): Promise<Map<string, string>> {
  const root = mkdtempSync(join(folder ?? tmpdir(), 'strata-same-'));
  try {
    await using snapshots = await openSnapshotter({ root, driver });
    const on = { root, snapshots };
    return await show(on, await unpackStack(on, layers), { identity: false, wholeSeconds });
  } finally {
    unmountBelow(root);
    if (folder === undefined || driver === 'vfs') rmSync(root, { recursive: true, force: true });
  }
}
