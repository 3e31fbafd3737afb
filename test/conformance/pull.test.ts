import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { digestOf, MediaType } from '../../src/oci/index.ts';
import type { RunningRegistry } from '../../src/registry/index.ts';
import { type Caller, callerOf, type Image } from './caller.ts';
import { storages } from './storages.ts';

for (const { name, startRegistry } of storages)
  describe(`pull over ${name}`, () => {
    let registry: RunningRegistry;
    let call: Caller;
    let image: Image;
    const layer = randomBytes(600_000);

    before(async () => {
      registry = await startRegistry();
      call = callerOf(registry.url);
      image = await call.image('some/image', 'v1', layer);
    });
    after(() => registry.close());

    test('end-1: the base answers and names the API version', async () => {
      for (const path of ['/v2/', '/v2']) {
        const answer = await call('GET', path);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0');
      }
    });

    test('end-3: a manifest is served by tag and by digest, byte for byte', async () => {
      for (const reference of ['v1', image.manifest, image.manifest.replace(':', '%3A')]) {
        const answer = await call('GET', `/v2/some/image/manifests/${reference}`);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['content-type'], MediaType.ociManifest);
        assert.equal(answer.headers['docker-content-digest'], image.manifest);
        assert.equal(digestOf(answer.body), image.manifest);

        const head = await call('HEAD', `/v2/some/image/manifests/${reference}`);
        assert.equal(head.status, 200);
        assert.equal(head.body.length, 0);
        assert.equal(head.headers['content-length'], String(answer.body.length));
        assert.equal(head.headers['docker-content-digest'], image.manifest);
      }
    });

    test('end-3: Accept does not change a manifest, for another form would have another digest', async () => {
      const answer = await call('GET', '/v2/some/image/manifests/v1', { headers: { accept: MediaType.dockerIndex } });
      assert.equal(answer.headers['content-type'], MediaType.ociManifest);
      assert.equal(digestOf(answer.body), image.manifest);
    });

    test('end-3: an unchanged manifest is not sent again', async () => {
      const answer = await call('GET', '/v2/some/image/manifests/v1', {
        headers: { 'if-none-match': `"${image.manifest}"` },
      });
      assert.equal(answer.status, 304);
    });

    test('end-3: what is not there is MANIFEST_UNKNOWN, whatever it is called', async () => {
      const absent = digestOf('absent');
      for (const path of [
        `some/image/manifests/${absent}`,
        'some/image/manifests/v2',
        'some/image/manifests/.INVALID',
        'no/such/manifests/v1',
      ]) {
        const answer = await call('GET', `/v2/${path}`);
        assert.equal(answer.status, 404);
        assert.equal(answer.code(), 'MANIFEST_UNKNOWN');
        assert.equal((await call('HEAD', `/v2/${path}`)).status, 404);
      }
    });

    test('end-2: a blob is served whole, and HEAD says its size', async () => {
      const answer = await call('GET', `/v2/some/image/blobs/${image.layer}`);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, layer);
      assert.equal(answer.headers['docker-content-digest'], image.layer);
      const head = await call('HEAD', `/v2/some/image/blobs/${image.layer}`);
      assert.equal(head.status, 200);
      assert.equal(head.headers['content-length'], String(layer.length));
    });

    test('end-2: an empty blob is a blob', async () => {
      const digest = await call.blob('some/image', '');
      const answer = await call('GET', `/v2/some/image/blobs/${digest}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.body.length, 0);
    });

    test('end-2: blobs that are not there or not digests are refused', async () => {
      const absent = await call('GET', `/v2/some/image/blobs/${digestOf('absent')}`);
      assert.deepEqual([absent.status, absent.code()], [404, 'BLOB_UNKNOWN']);
      const wrong = await call('GET', '/v2/some/image/blobs/sha256:..');
      assert.deepEqual([wrong.status, wrong.code()], [400, 'DIGEST_INVALID']);
    });

    test('end-2: a part of a blob is served by Range', async () => {
      const path = `/v2/some/image/blobs/${image.layer}`;
      const part = async (range: string, headers: object = {}) =>
        await call('GET', path, { headers: { range, ...headers } });
      const size = layer.length;
      for (const [range, start, end] of [
        ['bytes=0-0', 0, 0],
        ['bytes=100000-400000', 100_000, 400_000],
        ['bytes=599999-', 599_999, 599_999],
        ['bytes=-10', size - 10, size - 1],
        ['bytes=5-99999999', 5, size - 1],
      ] as const) {
        const answer = await part(range);
        assert.equal(answer.status, 206, range);
        assert.equal(answer.headers['content-range'], `bytes ${start}-${end}/${size}`);
        assert.deepEqual(answer.body, layer.subarray(start, end + 1));
      }
      const beyond = await part(`bytes=${size}-`);
      assert.equal(beyond.status, 416);
      assert.equal(beyond.headers['content-range'], `bytes */${size}`);
      assert.equal((await part('bytes=1-2,4-5')).status, 200);
      assert.equal((await part('lines=1-2')).status, 200);
      assert.equal((await part('bytes=0-9', { 'if-range': '"other"' })).status, 200);
      assert.equal((await part('bytes=0-9', { 'if-range': `"${image.layer}"` })).status, 206);
    });

    test('sha512 names blobs and manifests too', async () => {
      const content = 'by sha512';
      const digest = digestOf(content, 'sha512');
      const pushed = await call('POST', `/v2/some/image/blobs/uploads/?digest=${digest}`, { body: content });
      assert.equal(pushed.status, 201);
      assert.equal((await call('GET', `/v2/some/image/blobs/${digest}`)).body.toString(), content);

      const manifest = JSON.stringify(image.document);
      const name = `sha512:${createHash('sha512').update(manifest).digest('hex')}`;
      const put = await call('PUT', `/v2/some/image/manifests/${name}`, {
        body: manifest,
        headers: { 'content-type': MediaType.ociManifest },
      });
      assert.equal(put.status, 201);
      assert.equal(put.headers['docker-content-digest'], name);
      assert.equal((await call('GET', `/v2/some/image/manifests/${name}`)).status, 200);
    });

    test('a blob is read only through a repository that holds it', async () => {
      await call.image('other/image', 'v1', 'another layer');
      for (const method of ['GET', 'HEAD']) {
        assert.equal((await call(method, `/v2/other/image/blobs/${image.layer}`)).status, 404);
        assert.equal((await call(method, `/v2/other/image/manifests/${image.manifest}`)).status, 404);
      }
    });

    test('paths and methods that are not ours say so', async () => {
      assert.equal((await call('GET', '/')).status, 404);
      assert.equal((await call('GET', '/v1/search')).status, 404);
      assert.equal((await call('GET', '/v2/some/image')).status, 404);
      for (const path of [
        '/v2/',
        '/v2/some/image/manifests/v1',
        `/v2/some/image/blobs/${image.layer}`,
        '/v2/some/image/tags/list',
      ]) {
        const answer = await call('POST', path);
        assert.equal(answer.status, 405, path);
        assert.equal(answer.code(), 'UNSUPPORTED');
        assert.ok(answer.headers.allow);
      }
    });
  });
