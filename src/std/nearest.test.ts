import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { distanceOf, nearest } from './nearest.ts';

test('the nearest word is found across swaps, losses and additions', () => {
  const verbs = ['images', 'image', 'inspect', 'import', 'run', 'rm', 'rmi', 'pull', 'push', 'ps'];
  assert.equal(nearest('imgaes', verbs), 'images');
  assert.equal(nearest('rnu', verbs), 'run');
  assert.equal(nearest('pul', verbs), 'pull');
  assert.equal(nearest('Images', verbs), 'images');
  assert.equal(nearest('insp', verbs), 'inspect');
  assert.equal(nearest('kubernetes', verbs), undefined);
  assert.equal(nearest('', verbs), undefined);
});

test('distance is symmetric, zero for equals alone, and one for a swap', () => {
  assert.equal(distanceOf('ab', 'ba'), 1);
  assert.equal(distanceOf('kitten', 'sitting'), 3);
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(distanceOf(a, b), distanceOf(b, a));
      assert.equal(distanceOf(a, b) === 0, a === b);
      assert.ok(distanceOf(a, b) <= Math.max(a.length, b.length));
    }),
  );
});
