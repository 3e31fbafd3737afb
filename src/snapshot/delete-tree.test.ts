import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deleteTree, emptyFolder } from './delete-tree.ts';
import { discard, trashEmptied } from './trash.ts';

function folder(t: { after(done: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'strata-delete-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('names of any bytes and deep trees are deleted, and links are not followed', (t) => {
  const root = folder(t);
  const tree = join(root, 'tree');
  let deep = tree;
  for (let depth = 0; depth < 100; depth++) deep = join(deep, `d${depth}`);
  mkdirSync(deep, { recursive: true });
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.of(0xff, 0xfe, 0x0a)]), '');
  writeFileSync(join(root, 'outside'), '');
  symlinkSync(root, join(tree, 'link'));
  deleteTree(tree);
  deleteTree(tree); // nothing there: nothing to do
  assert.deepEqual(readdirSync(root), ['outside']);
});

test('emptying a folder keeps the folder', (t) => {
  const root = folder(t);
  for (const name of ['a', 'b']) mkdirSync(join(root, name, 'in'), { recursive: true });
  emptyFolder(root);
  assert.deepEqual(readdirSync(root), []);
});

for (const [size, count] of [
  ['small', 20],
  ['big', 2000],
] as const) {
  test(`a ${size} tree is away at once and deleted soon`, async (t) => {
    const root = folder(t);
    const tree = join(root, 'tree');
    for (let i = 0; i < count; i++) {
      mkdirSync(join(tree, `${i % 10}`), { recursive: true });
      writeFileSync(Buffer.concat([Buffer.from(join(tree, `${i % 10}/`)), Buffer.of(0xff), Buffer.from(`${i}`)]), '');
    }
    discard(root, tree);
    assert.equal(existsSync(tree), false);
    await trashEmptied();
    assert.deepEqual(readdirSync(join(root, 'trash')), []);
  });
}
