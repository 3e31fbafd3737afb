import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globPattern } from './glob-pattern.ts';

const matches = (glob: string, text: string): boolean => globPattern(glob).test(text);

test('stars and question marks match anything, the whole text is meant', () => {
  assert.ok(matches('*.so*', 'libc.so.6'));
  assert.ok(matches('/usr/*', '/usr/lib/x'));
  assert.ok(matches('?', '.'));
  assert.ok(!matches('a', 'ab'));
  assert.ok(!matches('a.c', 'abc'));
});

test('sets, their negation and quoted signs', () => {
  assert.ok(matches('[a-c]x', 'bx'));
  assert.ok(matches('[!a-c]x', 'dx'));
  assert.ok(!matches('[!a-c]x', 'ax'));
  assert.ok(matches('\\*', '*'));
  assert.ok(!matches('\\*', 'x'));
  assert.ok(matches('[', '['));
  assert.ok(matches('a+(b)|c', 'a+(b)|c'));
  assert.ok(matches('[]x]', ']'));
});
