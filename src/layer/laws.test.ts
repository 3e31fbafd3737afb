import assert from 'node:assert/strict';
import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AT_FDCWD,
  chmodAt,
  chownAt,
  makeDevice,
  mknodAt,
  mountNew,
  setXattr,
  symlinkAt,
  unmount,
  utimesAt,
} from '../linux/index.ts';
import { fsPath, readAll } from '../std/index.ts';
import { applyLayer } from './apply.ts';
import { diffTrees } from './diff-trees.ts';
import { asRoot, describeTree, type Member, streamOf, tarOf, temporaryFolder } from './fixtures.test.ts';
import { lowerLookup } from './lower.ts';
import { joinPath } from './names.ts';
import { overlayChanges } from './overlay-changes.ts';
import { packLayer } from './pack.ts';

/** A random tree as a value. */
interface Tree {
  readonly [name: string]: Leaf;
}
interface Leaf {
  readonly kind: 'file' | 'directory' | 'symlink' | 'fifo' | 'device' | 'link';
  readonly mode: number;
  readonly uid: number;
  readonly mtime: bigint;
  readonly content: string;
  readonly xattr: string | undefined;
  readonly children: Tree;
}

const name = fc.constantFrom('a', 'b', 'c', 'd\udcff', 'é', 'x y', '.hidden', '-', 'new\nline');
const { tree } = fc.letrec<{ tree: Tree; leaf: Leaf }>((tie) => ({
  tree: fc.dictionary(name, tie('leaf'), { maxKeys: 4, depthIdentifier: 'tree' }),
  leaf: fc.record({
    kind: fc.constantFrom('file', 'directory', 'directory', 'symlink', 'fifo', 'device', 'link'),
    mode: fc.constantFrom(0o644, 0o755, 0o4711, 0o2750, 0o1777, 0o000),
    uid: fc.constantFrom(0, 0, 1000, 70_000),
    mtime: fc.constantFrom(0n, 1_700_000_000_000_000_000n, 1_700_000_000_123_456_789n, -5n),
    content: fc.constantFrom('', 'one', 'two', 'three'),
    xattr: fc.constantFrom(undefined, undefined, 'v', '\0\xff'),
    children: fc.oneof({ maxDepth: 3, depthIdentifier: 'tree' }, fc.constant({}), tie('tree')),
  }),
}));

/** Makes the tree on disk. A `link` becomes one more name of the file made last. */
function plant(root: string, tree: Tree): void {
  let last: string | undefined;
  const visit = (folder: string, children: Tree): void => {
    for (const [name, leaf] of Object.entries(children)) {
      const path = joinPath(folder, name);
      if (leaf.kind === 'link' && last !== undefined) {
        linkSync(fsPath(last), fsPath(path));
        continue;
      }
      make(path, leaf);
      if (leaf.kind === 'file') last = path;
      if (leaf.kind === 'directory') visit(path, leaf.children);
      describe(path, leaf);
    }
  };
  visit(root, tree);
}

function make(path: string, { kind, content }: Leaf): void {
  if (kind === 'directory') mkdirSync(fsPath(path));
  else if (kind === 'symlink') symlinkAt(content || '..', AT_FDCWD, path);
  else if (kind === 'fifo') mknodAt(AT_FDCWD, path, 0o010644, 0n);
  else if (kind === 'device') mknodAt(AT_FDCWD, path, 0o020644, makeDevice(1, content.length + 3));
  else writeFileSync(fsPath(path), content);
}

function describe(path: string, { kind, mode, uid, mtime, xattr }: Leaf): void {
  chownAt(AT_FDCWD, path, uid, uid);
  if (xattr !== undefined && ['file', 'directory', 'link'].includes(kind))
    setXattr(path, 'user.k', Buffer.from(xattr, 'latin1'));
  if (kind !== 'symlink') chmodAt(AT_FDCWD, path, mode);
  utimesAt(AT_FDCWD, path, mtime, mtime);
}

function folders(parent: string, ...names: string[]): string[] {
  return names.map((name) => {
    const path = join(parent, name);
    mkdirSync(path);
    return path;
  });
}

const pack = (changes: AsyncIterable<import('./toc.ts').Change>): Promise<Buffer> =>
  readAll(packLayer(changes), { limit: 1 << 24, what: 'layer' });

const RUNS = { numRuns: 60, endOnFailure: true };

test('what differs between two trees, applied to the first, gives the second', asRoot, async () => {
  await fc.assert(
    fc.asyncProperty(tree, tree, async (before, after) => {
      using folder = temporaryFolder();
      const [a, b] = folders(folder.path, 'a', 'b') as [string, string];
      plant(a, before);
      plant(b, after);
      const layer = await pack(diffTrees(a, b));
      assert.ok(layer.equals(await pack(diffTrees(a, b))), 'packed twice, the bytes differ');
      await applyLayer(streamOf(layer), a, { form: 'merged' });
      assert.deepEqual(describeTree(a), describeTree(b));
      for await (const change of diffTrees(a, b)) assert.fail(`still differs: ${change.kind} ${change.path}`);
    }),
    RUNS,
  );
});

test('a tree packed whole and applied is the same tree', asRoot, async () => {
  await fc.assert(
    fc.asyncProperty(tree, async (all) => {
      using folder = temporaryFolder();
      const [a, b, c] = folders(folder.path, 'a', 'b', 'c') as [string, string, string];
      plant(a, all);
      const layer = await pack(diffTrees(undefined, a));
      await applyLayer(streamOf(layer), b, { form: 'merged' });
      await applyLayer(streamOf(layer), c, { form: 'overlay', lower: () => undefined });
      assert.deepEqual(describeTree(b), describeTree(a));
      assert.deepEqual(describeTree(c), describeTree(a));
    }),
    RUNS,
  );
});

/** Members of random layers: whiteouts, opaque markers, links over links, whatever comes. Names that are refused are left out by the test. */
const part = fc.constantFrom('a', 'b', 'c');
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const someMember: fc.Arbitrary<Member> = fc
  .record({
    path,
    kind: fc.constantFrom('file', 'file', 'directory', 'directory', 'symlink', 'hardlink', 'whiteout', 'opaque'),
    target: path,
    content: fc.constantFrom('', 'one', 'two'),
    mode: fc.constantFrom(0o644, 0o700, 0o2755),
    uid: fc.constantFrom(0, 12),
    mtime: fc.constantFrom(1n, 1_600_000_000_000_000_000n),
  })
  .map(({ path, kind, target, content, ...rest }): Member => {
    if (kind === 'whiteout') return { name: path.replace(/[^/]+$/, (base) => `.wh.${base}`) };
    if (kind === 'opaque') return { name: `${path}/.wh..wh..opq` };
    if (kind === 'symlink' || kind === 'hardlink') return { name: path, type: kind, linkName: target, ...rest };
    return { name: path, type: kind, ...(kind === 'file' && { content }), ...rest };
  });

test('layers mounted by overlayfs and layers merged into one tree are equal', asRoot, async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(someMember, { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
      async (layers) => {
        using folder = temporaryFolder();
        const [merged, shown, bottom] = folders(folder.path, 'merged', 'shown', 'bottom') as [string, string, string];
        let lowers: string[] = [];
        for (const [index, members] of layers.entries()) {
          const tar = tarOf(members);
          const [root] = folders(folder.path, `layer${index}`) as [string];
          const outcomes = await Promise.allSettled([
            applyLayer(streamOf(tar), merged, { form: 'merged' }),
            applyLayer(streamOf(tar), root, { form: 'overlay', lower: lowerLookup(lowers) }),
          ]);
          assert.equal(
            outcomes[0].status,
            outcomes[1].status,
            `only one form refuses: ${outcomes.map((o) => (o as { reason?: Error }).reason)}`,
          );
          if (outcomes[0].status === 'rejected') return; // what it left is waste
          lowers = [root, ...lowers];
        }
        compared += 1;
        mountNew('overlay', shown, [
          ['source', 'overlay'],
          ...[...lowers, bottom].map((lower) => ['lowerdir+', lower] as const),
        ]);
        try {
          assert.deepEqual(withoutLinks(describeTree(shown)), withoutLinks(describeTree(merged)));
        } finally {
          unmount(shown);
        }
      },
    ),
    { numRuns: 150, endOnFailure: true },
  );
  assert.ok(compared > 20, `only ${compared} stacks were not refused`);
});

/** An overlay shows a copied-up name with a link count of its own layer: identity across layers is not kept by any engine. */
function withoutLinks(tree: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(tree).map(([path, text]) => [path, text.replace(/ = .*$/, '')]));
}

test('changes of an overlay upper, packed and applied over its lowers, give what was mounted', asRoot, async () => {
  await fc.assert(
    fc.asyncProperty(tree, tree, async (before, after) => {
      using folder = temporaryFolder();
      const [lower, upper, work, shown, merged, scratch] = folders(
        folder.path,
        'lower',
        'upper',
        'work',
        'shown',
        'merged',
        'scratch',
      ) as [string, string, string, string, string, string];
      plant(lower, before);
      plant(merged, before);
      plant(scratch, after);
      const layer = await pack(diffTrees(lower, scratch));
      const options = ['index', 'metacopy', 'redirect_dir'].map((key) => [key, 'off'] as const);
      mountNew('overlay', shown, [
        ['source', 'overlay'],
        ['lowerdir+', lower],
        ['upperdir', upper],
        ['workdir', work],
        ...options,
      ]);
      try {
        await applyLayer(streamOf(layer), shown, { form: 'merged' });
        const changes = await pack(overlayChanges(upper, [lower]));
        assert.ok(changes.equals(await pack(overlayChanges(upper, [lower]))), 'packed twice, the bytes differ');
        await applyLayer(streamOf(changes), merged, { form: 'merged' });
        assert.deepEqual(withoutLinks(describeTree(merged)), withoutLinks(describeTree(shown)));
      } finally {
        unmount(shown);
      }
    }),
    { numRuns: 40, endOnFailure: true },
  );
});
