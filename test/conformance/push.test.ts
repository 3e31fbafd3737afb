import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, MediaType } from '../../src/oci/index.ts';
import type { RunningRegistry } from '../../src/registry/index.ts';
import { type Answer, type Caller, callerOf, imageManifest } from './caller.ts';
import { storages } from './storages.ts';

for (const { name, startRegistry } of storages)
  describe(`push over ${name}`, () => {
    let registry: RunningRegistry;
    let call: Caller;
    const repository = 'push/here';

    before(async () => {
      registry = await startRegistry();
      call = callerOf(registry.url);
    });
    after(() => registry.close());

    async function begin(): Promise<string> {
      const answer = await call('POST', `/v2/${repository}/blobs/uploads/`, { headers: { 'content-length': 0 } });
      assert.equal(answer.status, 202);
      return locationOf(answer);
    }

    function locationOf({ headers }: Answer): string {
      assert.ok(headers.location);
      return headers.location;
    }

    async function assertHeld(content: string | Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<void> {
      const answer = await call('GET', `/v2/${repository}/blobs/${digestOf(content, algorithm)}`);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, Buffer.from(content));
    }

    test('end-4a and end-6: a session takes a blob in one PUT', async () => {
      const content = randomBytes(3_000_000);
      const answer = await call('PUT', `${await begin()}?digest=${digestOf(content)}`, { body: content });
      assert.equal(answer.status, 201);
      assert.equal(answer.headers.location, `/v2/${repository}/blobs/${digestOf(content)}`);
      assert.equal(answer.headers['docker-content-digest'], digestOf(content));
      await assertHeld(content);
    });

    test('end-4b: a blob is pushed in one POST', async () => {
      const content = randomBytes(1000);
      const answer = await call('POST', `/v2/${repository}/blobs/uploads/?digest=${digestOf(content)}`, {
        body: content,
      });
      assert.equal(answer.status, 201);
      await assertHeld(content);
    });

    test('end-5: chunks with Content-Range come in order, and the session says where it is', async () => {
      const content = randomBytes(300_000);
      const start = await begin();
      const chunk = async (from: number, to: number): Promise<Answer> =>
        await call('PATCH', start, {
          body: content.subarray(from, to),
          headers: { 'content-range': `${from}-${to - 1}` },
        });

      const early = await chunk(100_000, 200_000);
      assert.equal(early.status, 416);
      assert.equal(early.headers.range, '0-0');
      const first = await chunk(0, 100_000);
      assert.equal(first.status, 202);
      assert.equal(first.headers.range, '0-99999');
      assert.equal(locationOf(first), start);
      assert.equal((await chunk(0, 100_000)).status, 416);
      const gap = await chunk(200_000, 300_000);
      assert.equal(gap.status, 416);
      assert.equal(gap.headers.range, '0-99999');
      const status = await call('GET', start);
      assert.equal(status.status, 204);
      assert.equal(status.headers.range, '0-99999');
      assert.equal((await chunk(100_000, 200_000)).status, 202);
      const last = await call('PUT', `${start}?digest=${digestOf(content)}`, {
        body: content.subarray(200_000),
        headers: { 'content-range': '200000-299999' },
      });
      assert.equal(last.status, 201);
      await assertHeld(content);
      assert.equal((await call('GET', start)).status, 404);
    });

    test('end-5: a chunk without Content-Range and without known length goes behind the last one', async () => {
      const start = await begin();
      for (const body of ['one ', 'two ']) {
        assert.equal((await call('PATCH', start, { body, headers: { 'transfer-encoding': 'chunked' } })).status, 202);
      }
      assert.equal(
        (await call('PUT', `${start}?digest=${digestOf('one two ', 'sha512')}`, { headers: { 'content-length': 0 } }))
          .status,
        201,
      );
      await assertHeld('one two ', 'sha512');
    });

    test('end-5: a Content-Range that lies about its chunk is refused', async () => {
      const start = await begin();
      const wrong = await call('PATCH', start, { body: 'abc', headers: { 'content-range': '0-9' } });
      assert.deepEqual([wrong.status, wrong.code()], [400, 'SIZE_INVALID']);
      const nonsense = await call('PATCH', start, { body: 'abc', headers: { 'content-range': '9-0' } });
      assert.deepEqual([nonsense.status, nonsense.code()], [400, 'BLOB_UPLOAD_INVALID']);
    });

    test('end-6: a digest that does not fit is refused and nothing becomes visible', async () => {
      const content = 'not what it says';
      const other = digestOf('something else');
      for (const answer of [
        await call('PUT', `${await begin()}?digest=${other}`, { body: content }),
        await call('POST', `/v2/${repository}/blobs/uploads/?digest=${other}`, { body: content }),
      ]) {
        assert.deepEqual([answer.status, answer.code()], [400, 'DIGEST_INVALID']);
      }
      for (const digest of [other, digestOf(content)]) {
        assert.equal((await call('HEAD', `/v2/${repository}/blobs/${digest}`)).status, 404);
      }
      const start = await begin();
      for (const query of ['', '?digest=', '?digest=sha256:00', '?digest=md5:00']) {
        assert.equal((await call('PUT', `${start}${query}`, { body: content })).status, 400);
      }
    });

    test('end-13: a session belongs to its repository, and ends when it is cancelled', async () => {
      const start = await begin();
      const id = start.slice(start.lastIndexOf('/') + 1);
      for (const path of [
        `/v2/other/blobs/uploads/${id}`,
        `/v2/${repository}/blobs/uploads/nope`,
        `/v2/${repository}/blobs/uploads/..%2f..%2fnames`,
      ]) {
        const answer = await call('GET', path);
        assert.deepEqual([answer.status, answer.body.length && answer.code()], [404, 'BLOB_UPLOAD_UNKNOWN']);
      }
      assert.equal((await call('DELETE', start)).status, 204);
      assert.equal((await call('GET', start)).status, 404);
      assert.equal((await call('PATCH', start, { body: 'late' })).status, 404);
    });

    test('end-11: a blob is mounted from a repository that holds it, else a session begins', async () => {
      const digest = await call.blob('mount/source', 'to be mounted');
      const mounted = await call('POST', `/v2/${repository}/blobs/uploads/?mount=${digest}&from=mount/source`, {
        headers: { 'content-length': 0 },
      });
      assert.equal(mounted.status, 201);
      assert.equal(mounted.headers.location, `/v2/${repository}/blobs/${digest}`);
      await assertHeld('to be mounted');

      for (const query of [
        `mount=${digestOf('nowhere')}&from=mount/source`,
        `mount=${digest}&from=no/such`,
        `mount=${digest}&from=../x`,
        `mount=${digest}`,
      ]) {
        const answer = await call('POST', `/v2/not/holding/blobs/uploads/?${query}`, {
          headers: { 'content-length': 0 },
        });
        assert.equal(answer.status, 202, query);
        assert.ok(answer.headers.location);
      }
    });

    test('end-7: a manifest is taken by tag and by digest, and a tag moves', async () => {
      const first = await call.image(repository, 'moving', 'layer one');
      const second = await call.image(repository, 'moving', 'layer two');
      assert.equal(
        (await call('HEAD', `/v2/${repository}/manifests/moving`)).headers['docker-content-digest'],
        second.manifest,
      );
      assert.equal((await call('HEAD', `/v2/${repository}/manifests/${first.manifest}`)).status, 200);
      const third = imageManifest({ layer: first.layer, layerSize: 9 }, { annotations: { by: 'digest' } });
      await call.manifest(repository, digestOf(JSON.stringify(third)), third);
      const wrong = await call('PUT', `/v2/${repository}/manifests/${first.manifest}`, {
        body: JSON.stringify(third),
        headers: { 'content-type': MediaType.ociManifest },
      });
      assert.deepEqual([wrong.status, wrong.code()], [400, 'DIGEST_INVALID']);
    });

    test('end-7: a manifest whose blobs or children are missing is refused', async () => {
      const { manifest, layer } = await call.image(repository, 'whole', 'the layer');
      const put = async (document: { mediaType: string }): Promise<Answer> =>
        await call('PUT', `/v2/${repository}/manifests/missing`, {
          body: JSON.stringify(document),
          headers: { 'content-type': document.mediaType },
        });
      const absent = digestOf('nobody pushed this');
      const index = (digest: string, size: number): { mediaType: string } =>
        ({
          schemaVersion: 2,
          mediaType: MediaType.ociIndex,
          manifests: [{ mediaType: MediaType.ociManifest, digest, size }],
        }) as never;
      for (const document of [
        imageManifest({ layer: absent, layerSize: 18 }),
        imageManifest({ layer, layerSize: 8 }),
        imageManifest({ config: absent, layer, layerSize: 9 }),
        index(absent, 18),
      ]) {
        const answer = await put(document as never);
        assert.deepEqual([answer.status, answer.code()], [404, 'MANIFEST_BLOB_UNKNOWN']);
      }
      const size = Number((await call('HEAD', `/v2/${repository}/manifests/${manifest}`)).headers['content-length']);
      assert.equal((await put(index(manifest, size))).status, 201);
      assert.equal((await put(index(layer, 9))).status, 201, 'build caches list blobs in an index');
    });

    test('end-7: an index whose children are absent is taken where that is configured; they may come later', async () => {
      await using sparse = await startRegistry({ sparseIndexes: true });
      const there = callerOf(sparse.url);
      const config = await there.blob('a', '{}');
      const layer = await there.blob('a', 'child layer');
      const child = JSON.stringify(imageManifest({ config, layer, layerSize: 11 }));
      const manifests = [{ mediaType: MediaType.ociManifest, digest: digestOf(child), size: child.length }];
      await there.manifest('a', 'all', { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
      const absent = await there('GET', `/v2/a/manifests/${digestOf(child)}`);
      assert.deepEqual([absent.status, absent.code()], [404, 'MANIFEST_UNKNOWN']);
      await there.manifest('a', digestOf(child), JSON.parse(child) as object);
      await sparse.collect({ grace: 0, untagged: true });
      assert.equal((await there('GET', `/v2/a/manifests/${digestOf(child)}`)).status, 200, 'the index keeps it');
      const orphan = imageManifest({ config, layer: digestOf('nowhere'), layerSize: 7 });
      const body = JSON.stringify(orphan);
      const refused = await there('PUT', '/v2/a/manifests/x', {
        body,
        headers: { 'content-type': MediaType.ociManifest },
      });
      assert.equal(refused.status, 404, 'blobs have to be there all the same');
    });

    test('end-7: a layer that is fetched from its own place may be missing', async () => {
      await call.blob(repository, '{}');
      const document = imageManifest({ layer: digestOf('x'), layerSize: 1 });
      const foreign = {
        ...document,
        layers: [
          { mediaType: MediaType.ociLayer, digest: digestOf('far away'), size: 8, urls: ['https://example.com/layer'] },
        ],
      };
      await call.manifest(repository, 'foreign', foreign);
    });

    test('end-7: ambiguous, oversized and unreadable manifests are refused', async () => {
      const { layer, config } = await call.image(repository, 'plain', 'a layer');
      const document = imageManifest({ config, layer, layerSize: 7 }) as Record<string, unknown>;
      const text = JSON.stringify(document);
      for (const [body, type] of [
        [JSON.stringify({ ...document, manifests: [] }), MediaType.ociManifest],
        [text, MediaType.ociIndex],
        [text, MediaType.dockerManifest],
        [text.replace('{', '{"schemaVersion":2,'), MediaType.ociManifest],
        [text.replace('"layers"', '"Layers"'), MediaType.ociManifest],
        ['{"schemaVersion":1,"fsLayers":[]}', 'application/vnd.docker.distribution.manifest.v1+json'],
        ['no json', MediaType.ociManifest],
        [text, 'text/plain'],
        ['', MediaType.ociManifest],
      ] as const) {
        const answer = await call('PUT', `/v2/${repository}/manifests/bad`, {
          body,
          headers: { 'content-type': type },
        });
        assert.deepEqual([answer.status, answer.code()], [400, 'MANIFEST_INVALID'], `${type}: ${body}`);
      }
      const huge = await call('PUT', `/v2/${repository}/manifests/huge`, {
        body: JSON.stringify({ ...document, annotations: { long: 'x'.repeat(4 << 20) } }),
        headers: { 'content-type': MediaType.ociManifest },
      });
      assert.equal(huge.status, 413);
      for (const tag of ['-dash', 'a'.repeat(129), '%2e%2e', 'a%00b']) {
        const answer = await call('PUT', `/v2/${repository}/manifests/${tag}`, {
          body: text,
          headers: { 'content-type': MediaType.ociManifest },
        });
        assert.equal(answer.status, 400, tag);
      }
    });

    test('Docker schema-2 images are taken and served as such', async () => {
      const config = await call.blob(repository, '{}');
      const layer = await call.blob(repository, 'docker layer');
      const digest = await call.manifest(repository, 'docker', {
        schemaVersion: 2,
        mediaType: MediaType.dockerManifest,
        config: { mediaType: MediaType.dockerConfig, digest: config, size: 2 },
        layers: [{ mediaType: MediaType.dockerLayerGzip, digest: layer, size: 12 }],
      });
      const answer = await call('GET', `/v2/${repository}/manifests/docker`);
      assert.equal(answer.headers['content-type'], MediaType.dockerManifest);
      assert.equal(digestOf(answer.body), digest);
    });

    test('names that are no repository never reach the storage', async () => {
      for (const name of [
        '..',
        '../x',
        'a/../b',
        'A',
        'a//b',
        'a_.b',
        '.a',
        'a%2f..%2fb',
        'a/',
        `${'a/'.repeat(130)}b`,
      ]) {
        const answer = await call('PUT', `/v2/${name}/manifests/v1`, { body: '{}' });
        assert.ok([400, 404].includes(answer.status), `${name}: ${answer.status}`);
        assert.ok(['NAME_INVALID', 'UNSUPPORTED'].includes(answer.code() ?? ''), name);
      }
    });

    test('many pushes of one blob at once all succeed', async () => {
      const content = randomBytes(500_000);
      const digests = await Promise.all(
        Array.from({ length: 12 }, (_, index) => call.blob(`crowd/n${index % 3}`, content)),
      );
      assert.equal(new Set(digests).size, 1);
      for (const index of [0, 1, 2]) {
        assert.deepEqual((await call('GET', `/v2/crowd/n${index}/blobs/${digests[0]}`)).body, content);
      }
    });

    test('an upload that was cut goes on from where it ended', async () => {
      const content = randomBytes(400_000);
      const start = await begin();
      const socket = connect(registry.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(`PATCH ${start} HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\n\r\n`);
      socket.write(content.subarray(0, 250_000));
      await sleep(100);
      socket.destroy();

      let range = '';
      for (let tries = 0; tries < 50 && range !== '0-249999'; tries += 1) {
        await sleep(20);
        range = (await call('GET', start)).headers.range as string;
      }
      assert.equal(range, '0-249999');
      const rest = await call('PATCH', start, {
        body: content.subarray(250_000),
        headers: { 'content-range': '250000-399999' },
      });
      assert.equal(rest.status, 202);
      assert.equal(
        (await call('PUT', `${start}?digest=${digestOf(content)}`, { headers: { 'content-length': 0 } })).status,
        201,
      );
      await assertHeld(content);
    });

    test('a second writer takes a session over from one that hangs', async () => {
      const content = randomBytes(100_000);
      const start = await begin();
      const hanging = connect(registry.port, '127.0.0.1');
      hanging.on('error', () => {});
      hanging.write(`PATCH ${start} HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\n\r\n`);
      hanging.write(content.subarray(0, 1000));
      await sleep(100);
      const status = await call('PATCH', start, {
        body: content.subarray(1000),
        headers: { 'content-range': '1000-99999' },
      });
      assert.equal(status.status, 202);
      assert.equal(
        (await call('PUT', `${start}?digest=${digestOf(content)}`, { headers: { 'content-length': 0 } })).status,
        201,
      );
      hanging.destroy();
      await assertHeld(content);
    });
  });
