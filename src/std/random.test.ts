import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomHex } from './random.ts';

test('random names have the length that was asked for and differ', () => {
  const names = Array.from({ length: 100 }, () => randomHex(8));
  assert.ok(names.every((name) => /^[0-9a-f]{16}$/.test(name)));
  assert.equal(new Set(names).size, 100);
});
