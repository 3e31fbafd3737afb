import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { ContentCache } from './content-cache.ts';

test('the least recently used leaves first, and what is too large never enters', () => {
  const cache = new ContentCache(160);
  const put = (name: string, size: number): void => cache.set(digestOf(name), Buffer.alloc(size));
  const has = (name: string): boolean => cache.get(digestOf(name)) !== undefined;
  for (let index = 0; index < 16; index += 1) put(`${index}`, 10);
  assert.ok(has('0')); // now the youngest
  put('next', 10);
  assert.deepEqual([has('0'), has('1'), has('2'), has('next')], [true, false, true, true]);
  put('large', 11);
  assert.ok(!has('large'));
});
