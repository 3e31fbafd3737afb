import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from './printable.ts';

test('escape sequences, bells, C1 codes and direction overrides are made visible; text, tabs and line breaks stay', () => {
  assert.equal(printable('a\x1b[2Jb\x07\x9bc\u202ed\r'), 'a\ufffd[2Jb\ufffd\ufffdc\ufffdd\ufffd');
  const text = 'é 镜像 👩‍👩‍👧 \t\n~';
  assert.equal(printable(text), text);
});
