import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyLayer, readToc } from '../layer/index.ts';
import { encodeEntry, endOfArchive, type TarEntry, type TarType } from '../tar/index.ts';
import { mergeLayers, nodeAt, walkUnion } from './merge.ts';

type Member = readonly [name: string, type: TarType, linkName?: string];

function* tarOf(members: readonly Member[]): Generator<Buffer> {
  for (const [name, type, linkName] of members) {
    const entry: TarEntry = {
      name,
      type,
      mode: 0o755,
      uid: 0,
      gid: 0,
      userName: '',
      groupName: '',
      size: 0,
      mtime: 0n,
      ...(linkName !== undefined && { linkName }),
    };
    yield encodeEntry(entry);
  }
  yield endOfArchive;
}

async function* streamOf(members: readonly Member[]): AsyncGenerator<Buffer> {
  yield* tarOf(members);
}

async function unite(layers: readonly (readonly Member[])[]): Promise<ReturnType<typeof mergeLayers>> {
  return mergeLayers(await Promise.all(layers.map((members) => readToc(streamOf(members)))));
}

const pathsOf = (root: ReturnType<typeof mergeLayers>): string[] => [...walkUnion(root)].map(([path]) => path);

test('upper entries cover lower ones, directories unite', async () => {
  const root = await unite([
    [
      ['etc/', 'directory'],
      ['etc/a', 'file'],
      ['etc/b', 'file'],
    ],
    [
      ['etc/', 'directory'],
      ['etc/b', 'symlink', 'a'],
      ['etc/c', 'file'],
    ],
  ]);
  assert.deepEqual(pathsOf(root), ['etc', 'etc/a', 'etc/b', 'etc/c']);
  assert.equal(nodeAt(root, 'etc/b')?.entry.type, 'symlink');
  assert.equal(nodeAt(root, 'etc/a')?.layer, 0);
});

test('a whiteout hides a name with all below it, an opaque directory all that lower layers have in it', async () => {
  const lower: Member[] = [
    ['a/', 'directory'],
    ['a/x', 'file'],
    ['b/', 'directory'],
    ['b/y', 'file'],
  ];
  const root = await unite([
    lower,
    [
      ['.wh.a', 'file'],
      ['b/', 'directory'],
      ['b/.wh..wh..opq', 'file'],
      ['b/z', 'file'],
    ],
  ]);
  assert.deepEqual(pathsOf(root), ['b', 'b/z']);
});

test('a directory that is only implied keeps what is said of it below', async () => {
  const root = await unite([[['d/', 'directory']], [['d/new', 'file']]]);
  assert.equal(nodeAt(root, 'd')?.layer, 0);
});

const component = fc.constantFrom('a', 'b', 'c');
const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const member = fc.oneof(
  fc.tuple(path, fc.constant<TarType>('directory')),
  fc.tuple(path, fc.constant<TarType>('file')),
  fc.tuple(
    path.map((name) => name.replace(/[^/]+$/, '.wh.$&')),
    fc.constant<TarType>('file'),
  ),
  fc.tuple(
    path.map((name) => `${name}/.wh..wh..opq`),
    fc.constant<TarType>('file'),
  ),
);

/** The names below a folder with what they are, as the fold tells them. */
function listTree(root: string, prefix = ''): string[] {
  return readdirSync(join(root, prefix))
    .sort()
    .flatMap((name) => {
      const inside = prefix === '' ? name : `${prefix}/${name}`;
      return lstatSync(join(root, inside)).isDirectory() ? [`${inside}/`, ...listTree(root, inside)] : [inside];
    });
}

test('the fold is what applying the layers one over the other gives', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(member, { maxLength: 6 }), { minLength: 1, maxLength: 4 }), async (layers) => {
      const folder = mkdtempSync(join(tmpdir(), 'union-'));
      try {
        let root: ReturnType<typeof mergeLayers>;
        try {
          root = await unite(layers);
        } catch {
          return; // a layer that none may be, such as a name inside a file
        }
        for (const members of layers)
          await applyLayer(streamOf(members), folder, { form: 'merged', ownership: 'ignore' });
        const folded = [...walkUnion(root)].map(([path, { entry }]) =>
          entry.type === 'directory' ? `${path}/` : path,
        );
        assert.deepEqual(folded, listTree(folder));
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
    { numRuns: 150 },
  );
});
