import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseContentRange, parseRange } from './range.ts';

test('a range within a blob is itself, clamped to the end', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.integer({ min: 1, max: 1000 }), (start, length, size) => {
      const range = parseRange(`bytes=${start}-${start + length}`, size);
      assert.deepEqual(range, start >= size ? 'unsatisfiable' : { start, end: Math.min(start + length, size - 1) });
    }),
  );
});

test('suffixes, open ends, and what is no range of bytes', () => {
  assert.deepEqual(parseRange('bytes=-3', 10), { start: 7, end: 9 });
  assert.deepEqual(parseRange('bytes=-30', 10), { start: 0, end: 9 });
  assert.equal(parseRange('bytes=-0', 10), 'unsatisfiable');
  assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable');
  for (const header of [
    undefined,
    '',
    'bytes=-',
    'bytes=5-2',
    'bytes=1-2,3-4',
    'items=0-1',
    'bytes=a-b',
    'bytes=-1-2',
  ]) {
    assert.equal(parseRange(header, 10), undefined, header);
  }
});

test('an upload says where its chunk lies in both spellings', () => {
  for (const text of ['0-9', 'bytes 0-9/*', 'bytes 0-9/100', 'bytes=0-9', ' 0-9 ']) {
    assert.deepEqual(parseContentRange(text), { start: 0, end: 9 }, text);
  }
  for (const text of ['', '9-0', '-5', '5-', 'bytes 0-9/x', '0-9999999999999999999']) {
    assert.equal(parseContentRange(text), undefined, text);
  }
});
