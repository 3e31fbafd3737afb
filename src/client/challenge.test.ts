import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from './challenge.ts';

const read = (header: string | string[]): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test('one challenge, with quoted strings and escapes', () => {
  assert.deepEqual(read('Bearer realm="https://auth.example.com/token",service="r",scope="repository:a/b:pull,push"'), [
    ['bearer', { realm: 'https://auth.example.com/token', service: 'r', scope: 'repository:a/b:pull,push' }],
  ]);
  assert.deepEqual(read('Basic realm="a \\"quoted\\" one, with a comma"'), [
    ['basic', { realm: 'a "quoted" one, with a comma' }],
  ]);
  assert.deepEqual(read('BEARER  Realm = https://x/y , Service=z'), [
    ['bearer', { realm: 'https://x/y', service: 'z' }],
  ]);
});

test('several challenges in one header or in many', () => {
  const expected = [
    ['negotiate', {}],
    ['bearer', { realm: 'r', error: 'invalid_token' }],
    ['basic', { realm: 'b' }],
  ];
  assert.deepEqual(read('Negotiate, Bearer realm="r", error="invalid_token", Basic realm="b"'), expected);
  assert.deepEqual(read(['Negotiate', 'Bearer realm="r",error="invalid_token"', 'Basic realm="b"']), expected);
});

test('of a parameter that stands twice the first counts', () => {
  assert.deepEqual(read('Bearer realm="https://good",realm="https://evil"'), [['bearer', { realm: 'https://good' }]]);
});

test('nonsense ends the list, quickly', () => {
  assert.deepEqual(read(''), []);
  assert.deepEqual(read('"Bearer" realm'), []);
  assert.deepEqual(read('Bearer realm="unfinished'), [['bearer', { realm: '' }]]);
  const start = performance.now();
  parseChallenges(`Bearer ${'a="\\"'.repeat(20_000)}`);
  parseChallenges(`Bearer ${' '.repeat(100_000)}x`);
  assert.ok(performance.now() - start < 1000);
  fc.assert(fc.property(fc.string(), (text) => void parseChallenges(text)));
});
