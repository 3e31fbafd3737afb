import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { codeCache } from './code-cache.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'strata-code-'));
  writeFileSync(join(folder, 'part.js'), 'module.exports = require("node:path").sep.length;\n');
  writeFileSync(
    join(folder, 'whole.js'),
    'exports.answer = () => 41 + require("./part.js"); exports.path = __filename;\n',
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

function answer(build: string): number {
  const cache = codeCache(folder, { build, use: 'test' });
  const loaded = cache.load('whole.js') as { answer(): number; path: string };
  assert.equal(loaded.path, join(folder, 'whole.js'));
  const result = loaded.answer();
  cache.save();
  return result;
}

function kept(): string[] {
  return readdirSync(join(folder, 'cache'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('/'))
    .map((name) => name.replace(/^([^-]*)-[^/]*/, '$1'))
    .sort();
}

test('what was compiled is kept for each build, and gives the same results', () => {
  assert.equal(answer('one'), 42);
  assert.deepEqual(kept(), ['one/part.js-test', 'one/whole.js-test']);
  assert.equal(answer('one'), 42);
  assert.equal(answer('two'), 42);
  assert.deepEqual(kept(), ['one/part.js-test', 'one/whole.js-test', 'two/part.js-test', 'two/whole.js-test']);
});

test('a kept file that was cut short is made again', () => {
  answer('cut');
  const [place] = readdirSync(join(folder, 'cache')).filter((name) => name.startsWith('cut'));
  const file = join(folder, 'cache', place as string, 'whole.js-test');
  for (const size of [0, 30]) {
    truncateSync(file, size);
    assert.equal(answer('cut'), 42);
  }
});

test('a folder that can not be written costs nothing but the cache', () => {
  rmSync(join(folder, 'cache'), { recursive: true });
  writeFileSync(join(folder, 'cache'), 'a file where the folder would be');
  chmodSync(join(folder, 'cache'), 0o444);
  assert.equal(answer('none'), 42);
});
