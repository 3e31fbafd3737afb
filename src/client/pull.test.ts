import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { type Descriptor, digestOf, MediaType } from '../oci/index.ts';
import { hasCode, readAll } from '../std/index.ts';
import { type FakeRegistry, listOf, reply, replyError, startFakeRegistry } from './fake-registry.ts';
import { registryClient } from './registry-client.ts';

const manifest = {
  schemaVersion: 2,
  mediaType: MediaType.ociManifest,
  config: { mediaType: MediaType.ociConfig, digest: digestOf('{}'), size: 2 },
  layers: [{ mediaType: MediaType.ociLayerGzip, digest: digestOf('l'), size: 1 }],
};
const CONFIG = '/nonexistent/config.json';
const clientOf = (registry: FakeRegistry, extra: object = {}): ReturnType<typeof registryClient> =>
  registryClient(registry.host, { configFile: CONFIG, backoff: 1, attempts: 3, ...extra });
const blobOf = (content: Buffer): Descriptor => ({
  mediaType: MediaType.ociLayerGzip,
  digest: digestOf(content),
  size: content.length,
});
const limit = { limit: 1 << 24, what: 'test' };

/** Answers a blob request with all headers, but drops the connection after `bytes` of its body. */
function cutAfter(bytes: number, registry: FakeRegistry, times: number): void {
  let left = times;
  registry.intercept = (request, response) => {
    const digest = /\/blobs\/(sha256:\w+)$/.exec(request.url ?? '')?.[1];
    const content = registry.blobs.get(digest ?? '');
    if (!content || left === 0 || request.method !== 'GET') return false;
    left -= 1;
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const length = { 'content-length': String(content.length - from) };
    const range = { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` };
    response.writeHead(from > 0 ? 206 : 200, from > 0 ? { ...length, ...range } : length);
    response.write(content.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
}

test('a manifest comes by tag and by digest, its digest verified', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const digest = registry.addManifest('a/b/latest', manifest);
  const byTag = await client.manifest('a/b', 'latest');
  assert.equal(byTag.descriptor.digest, digest);
  assert.equal(byTag.descriptor.mediaType, MediaType.ociManifest);
  assert.deepEqual((await client.manifest('a/b', digest)).bytes, byTag.bytes);
  assert.deepEqual(await client.headManifest('a/b', 'latest'), byTag.descriptor);
  assert.equal(await client.headManifest('a/b', 'none'), undefined);
  await assert.rejects(
    client.manifest('a/b', 'none'),
    (error) => hasCode(error, 'NotFound') && /a\/b:none.*manifest unknown/.test(String(error)),
  );
});

test('a registry that lies about a digest is caught', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const digest = registry.addManifest('a/latest', manifest);
  const other = Buffer.from(JSON.stringify({ ...manifest, annotations: { evil: 'yes' } }));
  registry.intercept = (request, response) =>
    /manifests/.test(request.url ?? '') &&
    reply(response, 200, { 'content-type': MediaType.ociManifest, 'docker-content-digest': digest }, other);
  for (const name of ['latest', digest]) {
    await assert.rejects(client.manifest('a', name), (error) => hasCode(error, 'DataLoss'), name);
  }
  // The header may be missing, the asked digest counts all the same.
  registry.intercept = (request, response) =>
    /manifests/.test(request.url ?? '') && reply(response, 200, { 'content-type': MediaType.ociManifest }, other);
  await assert.rejects(client.manifest('a', digest), (error) => hasCode(error, 'DataLoss'));
});

test('a manifest larger than 4 MiB is given up while it comes', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  registry.addManifest('a/latest', `"${'x'.repeat(5 << 20)}"`);
  await assert.rejects(client.manifest('a', 'latest'), (error) => hasCode(error, 'ResourceExhausted'));
});

test('a blob comes from any offset, with one request', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(3 << 20);
  registry.addBlob(content);
  for (const offset of [0, 1, 1 << 20, content.length - 1, content.length]) {
    const got = await readAll(await client.blob('a', blobOf(content), { offset }), limit);
    assert.ok(got.equals(content.subarray(offset)), `from ${offset}`);
  }
  assert.equal(registry.log.filter((line) => line.startsWith('GET /v2/a/blobs/')).length, 4);
  assert.equal((await client.headBlob('a', digestOf(content)))?.size, content.length);
  assert.equal(await client.headBlob('a', digestOf('none')), undefined);
  await assert.rejects(client.blob('a', blobOf(Buffer.from('none'))), (error) => hasCode(error, 'NotFound'));
});

test('a part of a blob comes by itself, from a server that knows no ranges too', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(300_000);
  registry.blobs.set(digestOf(content), content);
  const part = async (offset: number, length: number): Promise<Buffer> =>
    readAll(await client.blob('a/b', blobOf(content), { offset, length }), limit);
  for (let round = 0; round < 2; round++) {
    for (const [offset, length] of [
      [0, 10],
      [0, 300_000],
      [1000, 70_000],
      [299_990, 99],
      [300_000, 5],
      [7, 0],
    ] as const)
      assert.ok((await part(offset, length)).equals(content.subarray(offset, offset + length)));
    registry.intercept = (request) => {
      delete request.headers.range;
      return false;
    };
  }
});

test('a cut blob goes on where it was cut, and nothing is delivered twice', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(2 << 20);
  registry.addBlob(content);
  cutAfter(700_000, registry, 2);
  assert.ok((await readAll(await client.blob('a', blobOf(content)), limit)).equals(content));
  assert.equal(registry.log.filter((line) => line.startsWith('GET /v2/a/blobs/')).length, 3);
});

test('a server that knows no ranges is read again and what was delivered is skipped', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(1 << 20);
  registry.addBlob(content);
  registry.intercept = (request) => {
    delete request.headers.range;
    return false;
  };
  assert.ok(
    (await readAll(await client.blob('a', blobOf(content), { offset: 999_999 }), limit)).equals(
      content.subarray(999_999),
    ),
  );
});

test('a connection that is cut without progress is given up after the tries', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(1 << 20);
  registry.addBlob(content);
  cutAfter(10, registry, 1000);
  await assert.rejects(readAll(await client.blob('a', blobOf(content)), limit), (error) =>
    hasCode(error, 'Unavailable'),
  );
  assert.equal(registry.log.filter((line) => line.startsWith('GET /v2/a/blobs/')).length, 3);
});

test('another length or another range than asked for is refused', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(1000);
  registry.addBlob(content);
  await assert.rejects(client.blob('a', { ...blobOf(content), size: 999 }), (error) => hasCode(error, 'DataLoss'));
  registry.intercept = (request, response) =>
    /blobs/.test(request.url ?? '') && reply(response, 206, { 'content-range': 'bytes 0-999/1000' }, content);
  await assert.rejects(client.blob('a', blobOf(content), { offset: 500 }), /sent others/);
});

test('an abort passes through as it is, before and during', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(8 << 20);
  registry.addBlob(content);
  const reason = new Error('enough');
  await assert.rejects(client.manifest('a', 'b', { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  const abort = new AbortController();
  const stream = await client.blob('a', blobOf(content), { signal: abort.signal });
  await assert.rejects(
    async () => {
      for await (const _ of stream) abort.abort(reason);
    },
    (error) => error === reason,
  );
  registry.intercept = (_, response) => reply(response, 503, { 'retry-after': '30' });
  const waiting = new AbortController();
  setTimeout(() => waiting.abort(reason), 50);
  await assert.rejects(client.manifest('a', 'b', { signal: waiting.signal }), (error) => error === reason);
});

test('a busy registry is asked again when it says, and given up in the end', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  registry.addManifest('a/latest', manifest);
  let busy = 2;
  registry.intercept = (request, response) =>
    request.url !== '/v2/' && busy-- > 0 && reply(response, busy ? 429 : 503, { 'retry-after': '0' });
  assert.equal((await client.manifest('a', 'latest')).descriptor.mediaType, MediaType.ociManifest);
  registry.intercept = (request, response) =>
    request.url !== '/v2/' && replyError(response, 429, 'TOOMANYREQUESTS', 'pull rate limit');
  await assert.rejects(
    client.manifest('a', 'latest'),
    (error) => hasCode(error, 'ResourceExhausted') && /pull rate limit/.test(String(error)),
  );
  // Only success is success: neither a 204 nor a page of a portal is a manifest.
  registry.intercept = (request, response) => request.url !== '/v2/' && reply(response, 204);
  await assert.rejects(client.manifest('a', 'latest'), (error) => hasCode(error, 'Unavailable'));
});

test('a registry that asks for an hour is not waited for', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  registry.intercept = (request, response) => request.url !== '/v2/' && reply(response, 429, { 'retry-after': '3600' });
  const before = Date.now();
  await assert.rejects(client.manifest('a', 'latest'), (error) => hasCode(error, 'ResourceExhausted'));
  assert.ok(Date.now() - before < 2000);
});

test('a server that never answers, or stops in the middle, is given up in time', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry, { answerTimeout: 200, idleTimeout: 200, attempts: 1 });
  registry.intercept = (request) => request.url !== '/v2/';
  await assert.rejects(client.manifest('a', 'latest'), /no answer within/);
  registry.intercept = (request, response) => {
    if (request.url === '/v2/') return false;
    response.writeHead(200, { 'content-length': '1000' });
    response.write('x');
    return true;
  };
  const blob = await client.blob('a', { ...blobOf(Buffer.from('')), size: 1000 });
  await assert.rejects(readAll(blob, limit), /stopped sending/);
});

test('lists follow the pages of this server only, and never for ever', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  let next = '</v2/a/tags/list?last=b>; rel="next"';
  registry.intercept = (request, response) => {
    const { url = '' } = request;
    if (url.startsWith('/v2/_catalog')) return reply(response, 200, {}, '{"repositories":["a","team/b"]}');
    if (!url.startsWith('/v2/a/tags/list')) return false;
    return url.includes('last=b')
      ? reply(response, 200, {}, '{"name":"a","tags":["c"]}')
      : reply(response, 200, { link: next }, '{"name":"a","tags":["a","b"]}');
  };
  assert.deepEqual(await listOf(client.tags('a')), ['a', 'b', 'c']);
  next = '</v2/a/tags/list?again>; rel="next"';
  await assert.rejects(listOf(client.tags('a')), /never ends/);
  next = '<http://127.0.0.2:1/v2/a/tags/list>; rel="next"';
  await assert.rejects(listOf(client.tags('a')), /leads elsewhere/);
  await assert.rejects(listOf(client.tags('none')), (error) => hasCode(error, 'NotFound'));
  assert.deepEqual(await listOf(client.catalog()), ['a', 'team/b']);
  assert.deepEqual(
    (await client.search('team')).map(({ name }) => name),
    ['team/b'],
  );
});

test('the v1 search is used where there is one', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const results = [{ name: 'debian', description: 'an OS', star_count: 5, is_official: true }, { name: 3 }];
  registry.intercept = (request, response) =>
    (request.url ?? '').startsWith('/v1/search?q=deb&n=7') && reply(response, 200, {}, JSON.stringify({ results }));
  assert.deepEqual(await client.search('deb', { limit: 7 }), [
    { name: 'debian', description: 'an OS', stars: 5, isOfficial: true },
  ]);
});

test('referrers come from the API, else from the tag that stands in for it', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const subject = digestOf('subject');
  const entry = {
    mediaType: MediaType.ociManifest,
    digest: digestOf('signature'),
    size: 3,
    artifactType: 'application/sig',
  };
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [entry] };
  assert.deepEqual(await listOf(client.referrers('a', subject)), []);
  registry.addManifest(`a/${subject.replace(':', '-')}`, index, MediaType.ociIndex);
  assert.deepEqual(await listOf(client.referrers('a', subject)), [entry]);
  registry.intercept = (request, response) =>
    (request.url ?? '').startsWith('/v2/a/referrers/') && reply(response, 200, {}, JSON.stringify(index));
  assert.deepEqual(await listOf(client.referrers('a', subject, { artifactType: 'application/sig' })), [entry]);
  assert.deepEqual(await listOf(client.referrers('a', subject, { artifactType: 'application/other' })), []);
});

test('a mirror is asked first; one that fails, lies or breaks off falls through to the registry', async () => {
  await using registry = await startFakeRegistry();
  await using mirror = await startFakeRegistry();
  const content = randomBytes(1 << 20);
  for (const place of [registry, mirror]) {
    place.addManifest('a/latest', manifest);
    place.addBlob(content);
  }
  await using client = clientOf(registry, { mirrors: { [registry.host]: ['127.0.0.1:1', mirror.host] } });
  await client.manifest('a', 'latest');
  assert.ok(registry.log.length === 0 && mirror.log.length > 0);

  mirror.intercept = (request, response) =>
    /manifests/.test(request.url ?? '') && reply(response, 200, { 'content-type': MediaType.ociManifest }, '{}');
  assert.equal(
    (await client.manifest('a', digestOf(JSON.stringify(manifest)))).descriptor.size,
    JSON.stringify(manifest).length,
  );
  assert.ok(registry.log.some((line) => line.includes('manifests')));

  cutAfter(1000, mirror, 1000);
  assert.ok((await readAll(await client.blob('a', blobOf(content)), limit)).equals(content));
  assert.ok(registry.log.some((line) => line.includes('blobs')));
});

test('a foreign layer is fetched from where it says, without credentials', async () => {
  await using registry = await startFakeRegistry();
  await using elsewhere = await startFakeRegistry();
  const content = randomBytes(5000);
  elsewhere.intercept = (_, response) => reply(response, 200, {}, content);
  registry.intercept = (request, response) =>
    request.headers.authorization === undefined && reply(response, 401, { 'www-authenticate': 'Basic realm="x"' });
  await using client = clientOf(registry, { credentials: { username: 'u', password: 'p' } });
  const layer = { ...blobOf(content), mediaType: MediaType.dockerForeignLayer, urls: [`${elsewhere.origin}/layer`] };
  assert.ok((await readAll(await client.blob('a', layer), limit)).equals(content));
  assert.ok(registry.requests.some(({ authorization }) => authorization !== undefined));
  assert.ok(elsewhere.requests.every(({ authorization }) => authorization === undefined));
});
