import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mountNew, unmount } from '../linux/index.ts';
import type { TarType } from '../tar/index.ts';
import { type AppliedLayer, applyLayer } from './apply.ts';
import { asRoot, describeTree, type Member, readlink, streamOf, tarOf, temporaryFolder } from './fixtures.test.ts';
import { lowerLookup } from './lower.ts';

interface Case {
  readonly name: string;
  readonly layers: readonly { n: string; t: 'd' | 'f' | 'l' | 'h' | 'p'; c?: string; l?: string; m?: number }[][];
  readonly expect: {
    content?: Record<string, string>;
    same?: [string, string][];
    absent?: string[];
    type?: Record<string, string>;
    link?: Record<string, string>;
    mode?: Record<string, number>;
    tree?: string[];
    altTree?: string[];
    refuse?: boolean;
    orRefuse?: boolean;
    hostMode?: Record<string, number>;
  };
}

const CASES = join(import.meta.dirname, '../../../shared/cases/layers.json');
const TYPES: Record<string, TarType> = { d: 'directory', f: 'file', l: 'symlink', h: 'hardlink', p: 'fifo' };

const cases: Case[] = existsSync(CASES) ? JSON.parse(readFileSync(CASES, 'utf8')) : [];
if (cases.length === 0) test('hostile and odd layers', { skip: 'needs ../shared/cases/layers.json' }, () => {});

for (const one of cases) {
  const tars = one.layers.map((layer) =>
    tarOf(
      layer.map(({ n, t, c, l, m }): Member => {
        const type = TYPES[t] as TarType;
        return {
          name: n,
          type,
          ...(c !== undefined && { content: c }),
          ...(l && { linkName: l }),
          ...(m !== undefined && { mode: m }),
        };
      }),
    ),
  );
  test(`${one.name}, merged`, asRoot, () =>
    withHostUnharmed(one, async (folder) => {
      const root = join(folder, 'root');
      mkdirSync(root);
      for (const tar of tars) await applyLayer(streamOf(tar), root, { form: 'merged' });
      return root;
    }),
  );
  test(`${one.name}, overlay`, asRoot, async () => {
    let mounted: string | undefined;
    try {
      await withHostUnharmed(
        one,
        async (folder) => {
          const lowers = await applyEach(tars, folder);
          mounted = join(folder, 'merged');
          mkdirSync(mounted);
          showOverlay(lowers, folder, mounted);
          return mounted;
        },
        () => mounted && isMounted(mounted) && unmount(mounted),
      );
    } finally {
      if (mounted && isMounted(mounted)) unmount(mounted);
    }
  });
}

/** Each layer in a directory of its own; newest first, without those that an opaque root hides. */
async function applyEach(tars: readonly Buffer[], folder: string): Promise<string[]> {
  let lowers: string[] = [];
  for (const [index, tar] of tars.entries()) {
    const root = join(folder, `layer${index}`);
    mkdirSync(root);
    const applied: AppliedLayer = await applyLayer(streamOf(tar), root, {
      form: 'overlay',
      lower: lowerLookup(lowers),
    });
    lowers = applied.opaque ? [root] : [root, ...lowers];
  }
  return lowers;
}

/** A read-only overlay needs two lowers, so an empty one lies at the bottom. */
function showOverlay(lowers: readonly string[], folder: string, target: string): void {
  const bottom = join(folder, 'bottom');
  mkdirSync(bottom);
  mountNew('overlay', target, [
    ['source', 'overlay'],
    ...[...lowers, bottom].map((path) => ['lowerdir+', path] as const),
  ]);
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8').includes(` ${path} `);
}

async function withHostUnharmed(
  one: Case,
  unpack: (folder: string) => Promise<string>,
  cleanUp: () => unknown = () => undefined,
): Promise<void> {
  using folder = temporaryFolder();
  for (const [path, mode] of Object.entries(one.expect.hostMode ?? {})) {
    writeFileSync(path, '');
    chmodSync(path, mode);
  }
  try {
    check(one, await unpack(folder.path).catch((error: unknown) => refusal(one, error)));
    assert.deepEqual(breakouts(), []);
    for (const [path, mode] of Object.entries(one.expect.hostMode ?? {}))
      assert.equal(lstatSync(path).mode & 0o777, mode);
  } finally {
    cleanUp();
    for (const path of Object.keys(one.expect.hostMode ?? {})) rmSync(path, { force: true });
  }
}

function refusal({ expect }: Case, error: unknown): string | undefined {
  if (!expect.refuse && !expect.orRefuse) throw error;
  assert.match((error as Error).name, /EngineError/);
  return undefined;
}

function breakouts(): string[] {
  return ['/', '/tmp'].flatMap((folder) => readdirSync(folder).filter((name) => name.startsWith('hs-breakout-')));
}

function check({ expect }: Case, root: string | undefined): void {
  if (root === undefined) return;
  assert.ok(!expect.refuse, 'should have been refused');
  const at = (path: string): string => join(root, path);
  for (const [path, content] of Object.entries(expect.content ?? {}))
    assert.equal(readFileSync(at(path), 'utf8'), content);
  for (const [a, b] of expect.same ?? []) assert.equal(lstatSync(at(a)).ino, lstatSync(at(b)).ino);
  for (const path of expect.absent ?? []) assert.equal(lstatSync(at(path), { throwIfNoEntry: false }), undefined, path);
  for (const [path, type] of Object.entries(expect.type ?? {})) assert.equal(kindOf(at(path)), type);
  for (const [path, target] of Object.entries(expect.link ?? {})) assert.equal(readlink(at(path)), target);
  for (const [path, mode] of Object.entries(expect.mode ?? {})) assert.equal(lstatSync(at(path)).mode & 0o7777, mode);
  if (!expect.tree) return;
  const tree = Object.keys(describeTree(root))
    .filter((path) => path !== '')
    .sort();
  const wanted = [expect.tree, expect.altTree ?? expect.tree].map((paths) => paths.toSorted().join('\n'));
  assert.ok(wanted.includes(tree.join('\n')), tree.join('\n'));
}

function kindOf(path: string): string | undefined {
  const stats = lstatSync(path);
  if (stats.isDirectory()) return 'd';
  if (stats.isSymbolicLink()) return 'l';
  return stats.isFile() ? 'f' : undefined;
}
