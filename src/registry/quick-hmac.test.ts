import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { quickHmac } from './quick-hmac.ts';

test('it is HMAC-SHA-256', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.string({ unit: 'binary' }), (key, message) => {
      assert.equal(quickHmac(key)(message), createHmac('sha256', key).update(message).digest('base64'));
    }),
  );
});
