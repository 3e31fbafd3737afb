import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRegistry } from '../../src/registry/index.ts';
import { callerOf } from './caller.ts';

test('end-9: deleting a tag leaves the manifest and its other tags', async () => {
  await using registry = await startRegistry();
  const call = callerOf(registry.url);
  const { document, manifest } = await call.image('a', 'one', 'layer');
  await call.manifest('a', 'two', document);
  assert.equal((await call('DELETE', '/v2/a/manifests/one')).status, 202);
  assert.equal((await call('GET', '/v2/a/manifests/one')).status, 404);
  assert.equal((await call('GET', '/v2/a/manifests/two')).status, 200);
  assert.equal((await call('GET', `/v2/a/manifests/${manifest}`)).status, 200);
  assert.equal((await call('DELETE', '/v2/a/manifests/one')).status, 404);
});

test('end-9: deleting a manifest takes its tags with it, in this repository only', async () => {
  await using registry = await startRegistry();
  const call = callerOf(registry.url);
  const { manifest } = await call.image('a', 'one', 'layer');
  await call.image('b', 'one', 'layer');
  assert.equal((await call('DELETE', `/v2/a/manifests/${manifest}`)).status, 202);
  for (const reference of ['one', manifest])
    assert.equal((await call('GET', `/v2/a/manifests/${reference}`)).status, 404);
  assert.deepEqual((await call('GET', '/v2/a/tags/list')).json(), { name: 'a', tags: [] });
  assert.equal((await call('GET', '/v2/b/manifests/one')).status, 200);
});

test('end-10: a deleted blob is gone from its repository, not from others', async () => {
  await using registry = await startRegistry();
  const call = callerOf(registry.url);
  const { layer } = await call.image('a', 'one', 'layer');
  await call.image('b', 'one', 'layer');
  assert.equal((await call('DELETE', `/v2/a/blobs/${layer}`)).status, 202);
  assert.equal((await call('GET', `/v2/a/blobs/${layer}`)).status, 404);
  assert.equal((await call('DELETE', `/v2/a/blobs/${layer}`)).status, 404);
  assert.equal((await call('GET', `/v2/b/blobs/${layer}`)).status, 200);
  await call.blob('a', 'layer');
  assert.equal((await call('GET', `/v2/a/blobs/${layer}`)).body.toString(), 'layer');
});

test('where deleting is off, nothing is deleted: no manifest, no blob, no tag', async () => {
  await using registry = await startRegistry({ delete: false });
  const call = callerOf(registry.url);
  const { manifest, layer } = await call.image('a', 'one', 'layer');
  for (const path of [`manifests/${manifest}`, 'manifests/one', `blobs/${layer}`]) {
    const answer = await call('DELETE', `/v2/a/${path}`);
    assert.deepEqual([answer.status, answer.code()], [405, 'UNSUPPORTED']);
    assert.equal((await call('GET', `/v2/a/${path}`)).status, 200);
  }
});
