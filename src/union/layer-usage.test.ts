import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TocEntry } from '../layer/index.ts';
import { compareTrees } from './compare-trees.ts';
import { measureLayers } from './layer-usage.ts';
import { mergeLayers } from './merge.ts';

const entry = (path: string, more: Partial<TocEntry> = {}): TocEntry => ({
  path,
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0n,
  ...more,
});
const directory = (path: string, more: Partial<TocEntry> = {}): TocEntry =>
  entry(path, { type: 'directory', mode: 0o755, ...more });

const lower = {
  entries: [directory('a'), entry('a/x', { size: 100 }), entry('a/y', { size: 10 }), entry('z', { size: 5 })],
};

test('what a layer adds, changes, hides and wastes', () => {
  const { layers } = measureLayers([
    lower,
    {
      entries: [
        directory('a'),
        entry('a/x', { size: 40 }),
        entry('new', { size: 1 }),
        entry('z', { type: 'whiteout' }),
      ],
    },
    { entries: [entry('a', { type: 'whiteout' })] },
  ]);
  const [first, second, third] = layers;
  assert.deepEqual(first, {
    added: { names: 4, bytes: 115 },
    changed: { names: 0, bytes: 0 },
    hidden: { names: 0, bytes: 0 },
    wasted: 115,
  });
  assert.deepEqual(second?.added, { names: 1, bytes: 1 });
  assert.deepEqual(second?.changed, { names: 1, bytes: 40 });
  assert.deepEqual(second?.hidden, { names: 2, bytes: 105 });
  assert.equal(second?.wasted, 40);
  assert.deepEqual(third?.hidden, { names: 3, bytes: 50 });
});

test('an opaque directory hides what is below it', () => {
  const { layers } = measureLayers([lower, { entries: [directory('a', { opaque: true }), entry('a/x', { size: 1 })] }]);
  assert.deepEqual(layers[1]?.hidden, { names: 2, bytes: 110 });
  assert.equal(layers[0]?.wasted, 110);
});

test('the efficiency is what dive would say', () => {
  // a/x: 100 and 40, the least 40; a/y 10; z: 5, and 0 for its removal; new: 1.
  const { efficiency, wastedBytes, wastedShare, repeated } = measureLayers([
    lower,
    {
      entries: [
        directory('a'),
        entry('a/x', { size: 40 }),
        entry('new', { size: 1 }),
        entry('z', { type: 'whiteout' }),
      ],
    },
  ]);
  assert.equal(efficiency, (40 + 10 + 0 + 1) / (140 + 10 + 5 + 1));
  assert.equal(wastedBytes, 145);
  assert.equal(wastedShare, 145 / 41);
  assert.deepEqual(
    repeated.map(({ path }) => path),
    ['a/x', 'z'],
  );
  assert.equal(measureLayers([]).efficiency, 1);
});

test('two trees differ in what was added, changed and removed, with sizes', () => {
  const after = mergeLayers([
    lower,
    { entries: [entry('a/x', { size: 40 }), entry('new', { size: 1 }), entry('z', { type: 'whiteout' })] },
  ]);
  assert.deepEqual(
    [...compareTrees(mergeLayers([lower]), after)],
    [
      { kind: 'changed', path: 'a/x', type: 'file', before: 100, after: 40 },
      { kind: 'added', path: 'new', type: 'file', after: 1 },
      { kind: 'removed', path: 'z', type: 'file', before: 5 },
    ],
  );
});
