// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is tested looks like it
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../std/index.ts';
import { expand } from './expand.ts';
import { parseDockerfile } from './parse.ts';
import { globalArgs, platformArgs, Scope } from './scope.ts';
import { stagesOf } from './stages.ts';

const VARIABLES = new Map([
  ['a', 'value'],
  ['empty', ''],
  ['path', '/usr/lib/x.tar.gz'],
  ['two', 'x  y'],
  ['s', 'a*b/c}d'],
]);
const text = (source: string): string => expand(source, VARIABLES).text;

/** What each means, by POSIX's shell and BuildKit's reference. */
const MEANINGS: readonly (readonly [string, string])[] = [
  ['$a', 'value'],
  ['${a}', 'value'],
  ['${a}b$a', 'valuebvalue'],
  ['$ab', ''],
  ['$', '$'],
  ['a$', 'a$'],
  ['\\$a', '$a'],
  ["'$a'", '$a'],
  ['"$a"', 'value'],
  ['"\\$a \\" \\x"', '$a " \\x'],
  ['\\x', 'x'],
  ['${no:-d}', 'd'],
  ['${no-d}', 'd'],
  ['${empty:-d}', 'd'],
  ['${empty-d}', ''],
  ['${a:+d}', 'd'],
  ['${empty:+d}', ''],
  ['${empty+d}', 'd'],
  ['${no+d}', ''],
  ['${a:?no}', 'value'],
  ['${no:-${a}}', 'value'],
  ['${no:-${no:-$a-x}}', 'value-x'],
  ["${no:-'}'}", '}'],
  ['${path#*/}', 'usr/lib/x.tar.gz'],
  ['${path##*/}', 'x.tar.gz'],
  ['${path%.*}', '/usr/lib/x.tar'],
  ['${path%%.*}', '/usr/lib/x'],
  ['${path%/?.tar.gz}', '/usr/lib'],
  ['${path#nothing}', '/usr/lib/x.tar.gz'],
  ['${path/r/R}', '/usR/lib/x.tar.gz'],
  ['${path//r/R}', '/usR/lib/x.taR.gz'],
  ['${path//\\//_}', '_usr_lib_x.tar.gz'],
  ['${path/l*x/-}', '/usr/-.tar.gz'],
  ['${s#a\\*}', 'b/c}d'],
  ['${s%\\}d}', 'a*b/c'],
  ['$1x', 'x'],
  ['$?', ''],
];

test('every operator means what a shell means by it', () => {
  for (const [source, meaning] of MEANINGS) assert.equal(text(source), meaning, source);
});

test('an unset variable can be required', () => {
  for (const source of ['${no?}', '${no:?}', '${empty:?}', '${no?is missing}']) {
    assert.throws(
      () => text(source),
      (error: unknown) => error instanceof EngineError && /no:|empty:/.test(error.message),
    );
  }
  assert.equal(text('${empty?}'), '');
});

test('what is not closed or not known is refused', () => {
  for (const source of [
    '${',
    '${a',
    '${a:',
    '${a:x}',
    '${}',
    "'a",
    '"a',
    '${a!b}',
    '${a/b',
    '${a/b/c',
    '${path#\\x}',
    '${:a}',
  ]) {
    assert.throws(() => text(source), EngineError, source);
  }
  assert.throws(() => text('${a:-'.repeat(5000)), /nested/);
});

test('words split at white space, in values too, unless it is quoted', () => {
  const words = (source: string): readonly string[] => expand(source, VARIABLES).words;
  assert.deepEqual(words('a  b\tc'), ['a', 'b', 'c']);
  assert.deepEqual(words('"a b" c\\ d'), ['a b', 'c d']);
  assert.deepEqual(words('$two "$two"'), ['x', 'y', 'x  y']);
});

test('names that nothing sets are told', () => {
  assert.deepEqual([...expand('$a $b ${c:-d}', VARIABLES).unset], ['b', 'c']);
});

test('patterns and values of any size take no time', () => {
  const long = new Map([['v', 'a'.repeat(20_000)]]);
  const began = performance.now();
  expand(`\${v##${'*a'.repeat(20)}b}`, long);
  expand(`\${v//${'*a'.repeat(20)}b/x}`, long);
  assert.ok(performance.now() - began < 2000);
  assert.throws(() => expand('$v'.repeat(60), long), /more than/);
});

const PLATFORM = platformArgs({
  build: { os: 'linux', architecture: 'amd64' },
  target: { os: 'linux', architecture: 'arm', variant: 'v7' },
});
const scopeOf = (dockerfile: string, buildArgs: [string, string][] = []): Scope => {
  const { globals, stages } = stagesOf(parseDockerfile(dockerfile));
  const given = new Map(buildArgs);
  const values = globalArgs(globals, { platform: PLATFORM, buildArgs: given, escapeCharacter: '\\' });
  const scope = new Scope({ globals: values, buildArgs: given, escapeCharacter: '\\' });
  for (const instruction of stages[0]?.instructions ?? []) if (instruction.kind === 'ARG') scope.declare(instruction);
  return scope;
};

test('an ARG above FROM is seen in a stage that declares it', () => {
  assert.equal(scopeOf('ARG v=1\nFROM x\n').expand('$v').text, '');
  assert.equal(scopeOf('ARG v=1\nFROM x\nARG v\n').expand('$v').text, '1');
  assert.equal(scopeOf('ARG v=1\nFROM x\nARG v=2\n').expand('$v').text, '2');
  assert.equal(scopeOf('ARG v=1\nARG w=$v$v\nFROM x\nARG w\n').expand('$w').text, '11');
});

test('what is given for the build goes before defaults, and ENV before ARG', () => {
  const scope = scopeOf('ARG v=1\nFROM x\nARG v=2\nARG w=a$v\n', [['v', '3']]);
  assert.equal(scope.expand('$v$w').text, '3a3');
  scope.setEnv('v', 'env');
  assert.equal(scope.expand('$v').text, 'env');
});

test("the platform's arguments are there when they are declared", () => {
  assert.equal(
    scopeOf('FROM x\nARG TARGETPLATFORM TARGETVARIANT BUILDARCH\n').expand('$TARGETPLATFORM $TARGETVARIANT $BUILDARCH')
      .text,
    'linux/arm/v7 v7 amd64',
  );
});
