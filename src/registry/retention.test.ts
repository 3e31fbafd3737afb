import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { globOf } from './glob.ts';
import { compareVersions, expiredTags } from './retention.ts';
import { compileRules } from './rules.ts';
import type { TagRecord } from './storage/names.ts';

const digest = digestOf('x');
const tag = (name: string, moved: number, pulled?: number): TagRecord => ({
  name,
  digest,
  moved,
  ...(pulled !== undefined && { pulled }),
});

test('a star stays within one part of a name, two cross them, all else is literal', () => {
  for (const [pattern, name, fits] of [
    ['team/*', 'team/app', true],
    ['team/*', 'team/app/web', false],
    ['team/**', 'team/app/web', true],
    ['**', 'anything/at/all', true],
    ['**/web', 'team/app/web', true],
    ['a.b', 'aXb', false],
    ['v?', 'v1', true],
    ['v?', 'v10', false],
    ['app', 'app2', false],
    ['a***b', 'a/x/b', true],
  ] as const)
    assert.equal(globOf(pattern)(name), fits, `${pattern} ${name}`);
  assert.throws(() => globOf(''), { code: 'InvalidArgument' });
});

test('what one reason keeps stays, whatever the others say', () => {
  const tags = [tag('latest', 1), tag('1.0.0', 2), tag('old', 3, 900), tag('new', 1000), tag('newer', 1001)];
  const rule = { repositories: '**', keepLast: 1, keepPulledWithin: 150, keepSemver: true, keep: ['lat*'] };
  assert.deepEqual(expiredTags(tags, rule, 1010), []);
  assert.deepEqual(expiredTags(tags, { repositories: '**', keepLast: 2 }, 1010), ['latest', '1.0.0', 'old']);
  assert.deepEqual(expiredTags(tags, { repositories: '**', keepPulledWithin: 150 }, 1010), ['latest', '1.0.0']);
});

test('versions are ordered as semver.org has it', () => {
  const ordered = [
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    'v1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    'v1.0.0',
    '1.2.0',
    '1.10.0',
    '20260101000000000000.0.0',
  ];
  assert.deepEqual(ordered.toReversed().toSorted(compareVersions), ordered);
  const tags = ['1.9.0', 'v1.10.0', '1.10.0-rc.1', 'main', '01.0.0'].map((name) => tag(name, 0));
  assert.deepEqual(expiredTags(tags, { repositories: '**', keepSemver: 2 }, 10), ['1.9.0', 'main', '01.0.0']);
});

test('the first rule that fits counts, and one that keeps nothing is refused', () => {
  const rules = compileRules({
    quotas: [
      { repositories: 'big/**', bytes: 100 },
      { repositories: '**', bytes: 1 },
    ],
    immutable: [{ repositories: 'team/*', tags: 'v*' }],
  });
  assert.deepEqual([rules.quotaOf('big/one'), rules.quotaOf('small')], [100, 1]);
  assert.deepEqual([rules.isImmutable('team/a', 'v1'), rules.isImmutable('team/a', 'latest')], [true, false]);
  assert.throws(() => compileRules({ retention: [{ repositories: '**' }] }), /keeps nothing at all/);
  assert.throws(() => compileRules({ quotas: [{ repositories: '**', bytes: -1 }] }), { code: 'InvalidArgument' });
});
