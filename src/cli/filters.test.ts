import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../std/index.ts';
import {
  booleanFilter,
  matchesLabels,
  matchesName,
  matchesPattern,
  matchesReference,
  matchesValue,
  momentFilter,
  numbersFilter,
  parseFilters,
} from './filters.ts';

const known = ['dangling', 'exited', 'label', 'name', 'reference', 'status', 'until'];
const filters = (...pairs: string[]): ReturnType<typeof parseFilters> => parseFilters(pairs, known);
const refused = (error: unknown): boolean => hasCode(error, 'InvalidArgument');

test('filters are collected by key, and unknown or malformed ones are refused', () => {
  assert.deepEqual(
    [...filters('label=a', 'Label = b=c', 'status=up')],
    [
      ['label', ['a', 'b=c']],
      ['status', ['up']],
    ],
  );
  assert.throws(() => filters('colour=red'), /^EngineError: invalid filter 'colour'/);
  assert.throws(() => filters('label'), /expected name=value/);
});

test('labels must all be there, with their values where those are named', () => {
  const labels = { a: '1', b: '' };
  assert.ok(matchesLabels(filters('label=a', 'label=b'), labels));
  assert.ok(matchesLabels(filters('label=a=1'), labels));
  assert.ok(!matchesLabels(filters('label=a=2'), labels));
  assert.ok(!matchesLabels(filters('label=a', 'label=c'), labels));
  assert.ok(!matchesLabels(filters('label=toString'), labels));
  assert.ok(!matchesLabels(filters('label=a'), undefined));
});

test('one value of a key is enough elsewhere', () => {
  assert.ok(matchesValue(filters('status=up', 'status=exited'), 'status', 'exited'));
  assert.ok(!matchesValue(filters('status=up'), 'status', 'exited'));
  assert.ok(matchesValue(filters(), 'status', 'exited'));
  assert.ok(matchesName(filters('name=web'), 'name', 'my-web-1'));
  assert.ok(matchesName(filters('name=^web$'), 'name', 'web'));
  assert.ok(!matchesName(filters('name=^web$'), 'name', 'web1'));
  assert.ok(matchesName(filters('name=a(b'), 'name', 'xa(b'));
});

test('reference patterns match the repository with or without its tag', () => {
  assert.ok(matchesReference(filters('reference=debian'), 'debian', '12'));
  assert.ok(matchesReference(filters('reference=deb*:1?'), 'debian', '12'));
  assert.ok(matchesReference(filters('reference=*/*'), 'x/y', 'z'));
  assert.ok(!matchesReference(filters('reference=*'), 'x/y', 'z'));
});

test('patterns are those of path.Match', () => {
  const cases: [pattern: string, name: string, matches: boolean][] = [
    ['abc', 'abc', true],
    ['a*c', 'abbc', true],
    ['a*', 'a/b', false],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['[^a]x', '/x', false],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['[\\]]', ']', true],
    ['a.c', 'abc', false],
    ['镜?', '镜像', true],
    ['', '', true],
  ];
  for (const [pattern, name, matches] of cases)
    assert.equal(matchesPattern(pattern, name), matches, `${pattern} ${name}`);
  for (const bad of ['[', 'a[', '[]', '\\', '[z-a]']) assert.throws(() => matchesPattern(bad, 'a'), refused, bad);
});

test('yes or no, numbers and moments are read or refused', () => {
  assert.equal(booleanFilter(filters('dangling=true'), 'dangling'), true);
  assert.equal(booleanFilter(filters('dangling=0'), 'dangling'), false);
  assert.equal(booleanFilter(filters(), 'dangling'), undefined);
  assert.throws(() => booleanFilter(filters('dangling=maybe'), 'dangling'), refused);
  assert.deepEqual(numbersFilter(filters('exited=0', 'exited=137'), 'exited'), [0, 137]);
  assert.throws(() => numbersFilter(filters('exited=x'), 'exited'), refused);
  const now = new Date('2026-01-02T00:00:00Z');
  assert.equal(momentFilter(filters('until=24h'), 'until', now)?.toISOString(), '2026-01-01T00:00:00.000Z');
  assert.equal(momentFilter(filters('until=1700000000'), 'until', now)?.getTime(), 1_700_000_000_000);
  assert.equal(momentFilter(filters('until=2026-01-01'), 'until', now)?.getTime(), Date.parse('2026-01-01'));
  assert.throws(() => momentFilter(filters('until=2026-99-01'), 'until', now), refused);
  assert.throws(() => momentFilter(filters('until=yesterday'), 'until', now), refused);
});
