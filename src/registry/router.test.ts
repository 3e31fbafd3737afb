import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRepository, isTag, routeOf } from './router.ts';

test('names may hold the words that end points are made of', () => {
  assert.deepEqual(routeOf('/v2/a/manifests/b/manifests/v1'), {
    kind: 'manifest',
    repository: 'a/manifests/b',
    reference: 'v1',
  });
  assert.deepEqual(routeOf('/v2/tags/list/tags/list'), { kind: 'tags', repository: 'tags/list' });
  assert.deepEqual(routeOf('/v2/blobs/uploads/blobs/uploads/'), { kind: 'uploads', repository: 'blobs/uploads' });
  assert.deepEqual(routeOf('/v2/x/blobs/uploads/manifests/v1'), {
    kind: 'manifest',
    repository: 'x/blobs/uploads',
    reference: 'v1',
  });
});

test('digests may be percent-encoded, badly encoded ones are refused', () => {
  assert.deepEqual(routeOf('/v2/a/blobs/sha256%3Aab'), { kind: 'blob', repository: 'a', digest: 'sha256:ab' });
  assert.throws(() => routeOf('/v2/a/blobs/%zz'), { protocolCode: 'NAME_INVALID' });
});

test('other paths lead nowhere', () => {
  for (const path of ['', '/', '/v2x', '/v1/_ping', '/v2/a', '/v2/manifests/v1', '/v2//tags', '/v2/a/blobs/']) {
    assert.equal(routeOf(path), undefined, path);
  }
});

test('repository names and tags follow the grammar', () => {
  for (const name of ['a', 'a/b/c', 'a-b', 'a--b', 'a__b', 'a.b', '0', 'a'.repeat(255)])
    assert.ok(isRepository(name), name);
  for (const name of [
    '',
    'A',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    'a___b',
    'a..b',
    '-a',
    'a-',
    'a b',
    'a\n',
    'a'.repeat(256),
  ]) {
    assert.ok(!isRepository(name), name);
  }
  for (const tag of ['v1', '_x', 'A.b-c', 'a'.repeat(128)]) assert.ok(isTag(tag), tag);
  for (const tag of ['', '.a', '-a', 'a b', 'a\n', 'a/b', 'a'.repeat(129)]) assert.ok(!isTag(tag), tag);
});

test('a name that almost fits is refused as quickly as one that fits', () => {
  const start = performance.now();
  for (const name of [`${'a-'.repeat(120)}!`, `${'a/'.repeat(120)}!`, `a${'-'.repeat(250)}!`, `${'a_'.repeat(127)}`])
    isRepository(name);
  assert.ok(performance.now() - start < 50);
});
