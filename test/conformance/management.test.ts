import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestOf, MediaType } from '../../src/oci/index.ts';
import { callerOf, imageManifest } from './caller.ts';
import { storages } from './storages.ts';

for (const { name, startRegistry } of storages)
  describe(`content management over ${name}`, () => {
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

    test('an immutable tag is pushed once: nobody moves or deletes it, not even two at the same moment', async () => {
      await using registry = await startRegistry({ rules: { immutable: [{ repositories: 'a/**', tags: 'v*' }] } });
      const call = callerOf(registry.url);
      const one = await call.image('a/x', 'free', 'one');
      const two = await call.image('a/x', 'free', 'two');
      const put = async (tag: string, { document }: { document: object }) =>
        await call('PUT', `/v2/a/x/manifests/${tag}`, {
          body: JSON.stringify(document),
          headers: { 'content-type': MediaType.ociManifest },
        });
      const answers = await Promise.all([put('v1', one), put('v1', two), put('v1', one), put('v1', two)]);
      const { headers } = await call('HEAD', '/v2/a/x/manifests/v1');
      const winner = headers['docker-content-digest'] === one.manifest ? one : two;
      assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 403, 403]);
      assert.equal((await put('v1', winner)).status, 201, 'the same again is no change');
      for (const path of ['v1', winner.manifest]) {
        const answer = await call('DELETE', `/v2/a/x/manifests/${path}`);
        assert.deepEqual([answer.status, answer.code()], [403, 'DENIED']);
        assert.match(answer.body.toString(), /tag v1 of a\/x is immutable/);
      }
      assert.equal((await put('free', one)).status, 201);
      assert.equal((await call('DELETE', '/v2/a/x/manifests/free')).status, 202);
    });

    test('a repository takes no more than its quota, says so, and has room again after a delete', async () => {
      await using registry = await startRegistry({ rules: { quotas: [{ repositories: 'small', bytes: 3000 }] } });
      const call = callerOf(registry.url);
      const { manifest } = await call.image('small', 'v1', 'x'.repeat(1300));
      const nearly = await call('PUT', '/v2/small/manifests/v2', {
        body: JSON.stringify(
          imageManifest(
            { layer: digestOf('x'.repeat(1300)), layerSize: 1300 },
            { annotations: { long: 'z'.repeat(600) } },
          ),
        ),
        headers: { 'content-type': MediaType.ociManifest },
      });
      assert.equal(nearly.status, 201);
      assert.match(nearly.headers['warning'] ?? '', /^299 - "small holds \d+ of the 3000 bytes that it may"$/);
      const large = 'y'.repeat(1000);
      const push = async () =>
        await call('POST', `/v2/small/blobs/uploads/?digest=${digestOf(large)}`, { body: large });
      const refused = await push();
      assert.deepEqual([refused.status, refused.code()], [403, 'DENIED']);
      assert.match(refused.body.toString(), /small holds \d+ of the 3000 bytes/);
      const start = (await call('POST', '/v2/small/blobs/uploads/', { headers: { 'content-length': 0 } })).headers
        .location;
      const streamed = await call('PUT', `${start}?digest=${digestOf(large)}`, {
        body: large,
        headers: { 'transfer-encoding': 'chunked' },
      });
      assert.equal(streamed.status, 403, 'also where its length is not known before');
      assert.equal((await call('HEAD', `/v2/small/blobs/${digestOf(large)}`)).status, 404);
      await call.blob('elsewhere', large);
      const mount = await call('POST', `/v2/small/blobs/uploads/?mount=${digestOf(large)}&from=elsewhere`);
      assert.equal(mount.status, 403);
      await call.blob('small', 'x'.repeat(1300)); // is there already
      for (const reference of [manifest, nearly.headers['docker-content-digest']])
        assert.equal((await call('DELETE', `/v2/small/manifests/${reference}`)).status, 202);
      await registry.collect({ grace: 0, untagged: true });
      assert.equal((await push()).status, 201);
    });

    test('what was deleted is collected while others push and pull; what is held stays', async () => {
      await using registry = await startRegistry();
      const call = callerOf(registry.url);
      const gone = await call.image('a', 'gone', 'gone layer');
      const kept = await call.image('b', 'kept', 'kept layer');
      await call('DELETE', `/v2/a/manifests/${gone.manifest}`);
      const { bytes } = await registry.collect({ grace: 0, untagged: true });
      assert.equal(bytes, 'gone layer'.length);
      for (const path of [`blobs/${gone.layer}`, `blobs/${gone.config}`, `manifests/${gone.manifest}`])
        assert.equal((await call('GET', `/v2/a/${path}`)).status, 404);
      for (const path of [`blobs/${kept.layer}`, `blobs/${kept.config}`, 'manifests/kept'])
        assert.equal((await call('GET', `/v2/b/${path}`)).status, 200);
      await call.image('a', 'again', 'gone layer');
    });
  });
