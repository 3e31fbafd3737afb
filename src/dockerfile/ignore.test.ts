import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../std/index.ts';
import { parseIgnore } from './ignore.ts';
import { matchesPath, parsePathPattern } from './path-pattern.ts';

const ignored = (rules: string, path: string): boolean => parseIgnore(rules).test(path).ignored;

/** Pattern, path, whether it matches: as moby's patternmatcher answers. */
const MATCHES: readonly (readonly [string, string, boolean])[] = [
  ['**', 'file', true],
  ['**', 'dir/file', true],
  ['**/', 'file', true],
  ['**/**', 'dir/file', true],
  ['dir/**', 'dir/dir2/file', true],
  ['dir/**', 'dir2', false],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/*', 'dir/dir2/dir2/file', true],
  ['**/dir2/**', 'dir/dir2/dir3/file', true],
  ['**file', 'file', true],
  ['**file', 'dir/xfile', true],
  ['**/file', 'file', true],
  ['**/file', 'dir/dir/file', true],
  ['**/file', 'dir/xfile', false],
  ['**/file*', 'dir/file.txt', true],
  ['**/file*txt', 'dir/file.txt', true],
  ['**/**/*.txt', 'dir/file.txt', true],
  ['a**/*.txt', 'a/file.txt', true],
  ['a**/*.txt', 'a/dir/dir/file.txt', true],
  ['a/*.txt', 'a/dir/file.txt', false],
  ['a[b-d]e', 'ace', true],
  ['a[b-d]e', 'aze', false],
  ['a[^b-d]e', 'aze', true],
  ['a[\\]b]e', 'a]e', true],
  ['.*', '.foo', true],
  ['.*', 'foo', false],
  ['abc.def', 'abcXdef', false],
  ['abc?def', 'abcZdef', true],
  ['abc?def', 'abc/def', false],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['**/foo/bar', 'foo/bar', true],
  ['**/foo/bar', 'dir/foo/bar', true],
  ['abc/**', 'abc', false],
  ['*', 'a/b', false],
  ['é?', 'éü', true],
];

test('patterns match as in moby', () => {
  for (const [pattern, path, expected] of MATCHES) {
    assert.equal(matchesPath(parsePathPattern(pattern), path), expected, `${pattern} ${path}`);
  }
});

test('what is below an ignored folder is ignored, and an exception takes it in again', () => {
  assert.ok(ignored('node_modules', 'node_modules/a/b'));
  assert.ok(!ignored('node_modules', 'src/node_modules'));
  assert.ok(ignored('**/node_modules', 'src/node_modules/x'));
  assert.ok(!ignored('docs\n!docs/README.md', 'docs/README.md'));
  assert.ok(ignored('docs\n!docs/README.md', 'docs/other'));
  assert.ok(ignored('*\n!a\na/b', 'a/b'));
  assert.ok(!ignored('*\n!a', 'a/c'));
  assert.ok(!ignored('*.md\n!README*.md', 'README.md'));
  assert.ok(ignored('*.md\n!README*.md\nREADME-secret.md', 'README-secret.md'));
});

test('lines are cleaned as Go cleans paths, and case counts', () => {
  assert.ok(ignored('/a/', 'a'));
  assert.ok(ignored('  ./a/../b  ', 'b'));
  assert.ok(ignored('# a\n\n\ufeffx\n#b\nc', 'c'));
  assert.ok(ignored('! a\nb', 'b'));
  assert.ok(!ignored('#a', '#a'));
  assert.ok(!ignored('Makefile', 'makefile'));
});

test('a bad pattern is refused', () => {
  for (const pattern of ['[', '[a', 'a[]b', '[-]', 'a\\', '!', '[^]'])
    assert.throws(() => parseIgnore(pattern), EngineError, pattern);
});

test('a walk may skip an ignored folder that no exception reaches', () => {
  const rules = parseIgnore('a\nb\n!b/keep\n!c*/x');
  assert.equal(rules.mayHold('a'), false);
  assert.equal(rules.mayHold('b'), true);
  assert.equal(rules.mayHold('cd'), true);
});

test('no pattern takes long', () => {
  const began = performance.now();
  matchesPath(parsePathPattern(`${'*a'.repeat(50)}**/b`), 'a'.repeat(5000));
  assert.ok(performance.now() - began < 2000);
});
