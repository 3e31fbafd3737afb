import assert from 'node:assert/strict';
import test from 'node:test';
import { retryAfter } from './retry.ts';

test('Retry-After is read as seconds or as a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfter('7', now), 7000);
  assert.equal(retryAfter(['3', '9'], now), 3000);
  assert.equal(retryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
  assert.equal(retryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  assert.equal(retryAfter('soon', now), undefined);
  assert.equal(retryAfter('-5', now) ?? 0, 0);
  assert.equal(retryAfter(undefined, now), undefined);
});
