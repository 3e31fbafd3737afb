import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { type Descriptor, digestOf, MediaType } from '../oci/index.ts';
import { type ByteStream, hasCode } from '../std/index.ts';
import type { MadeBlob } from './blob-upload.ts';
import { type FakeRegistry, reply, replyError, startFakeRegistry } from './fake-registry.ts';
import { registryClient } from './registry-client.ts';

const clientOf = (registry: FakeRegistry): ReturnType<typeof registryClient> =>
  registryClient(registry.host, { configFile: '/nonexistent/config.json', backoff: 1, attempts: 4 });
const blobOf = (content: Buffer): Descriptor => ({
  mediaType: MediaType.ociLayerGzip,
  digest: digestOf(content),
  size: content.length,
});

/** Opens `content` in pieces, remembering from where it was asked for. */
function opener(content: Buffer): { open: (offset: number) => Promise<ByteStream>; offsets: number[] } {
  const offsets: number[] = [];
  return {
    offsets,
    async open(offset) {
      offsets.push(offset);
      return (async function* () {
        for (let at = offset; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
      })();
    },
  };
}

/** Keeps what arrives of the next `times` PATCHes, but drops the connection after `bytes`. */
function cutUploads(registry: FakeRegistry, bytes: number, times: number): void {
  let left = times;
  registry.intercept = async (request) => {
    if (request.method !== 'PATCH' || left === 0) return false;
    left -= 1;
    const id = /uploads\/([^?]+)/.exec(request.url ?? '')?.[1] as string;
    let taken = 0;
    for await (const chunk of request) {
      const part = (chunk as Buffer).subarray(0, bytes - taken);
      taken += part.length;
      registry.uploads.set(id, Buffer.concat([registry.uploads.get(id) as Buffer, part]));
      if (taken === bytes) break;
    }
    request.socket.destroy();
    return true;
  };
}

for (const size of [0, 10, 1 << 20, (3 << 20) + 17]) {
  test(`a blob of ${size} bytes is sent and confirmed`, async () => {
    await using registry = await startFakeRegistry();
    await using client = clientOf(registry);
    const content = randomBytes(size);
    const reported: number[] = [];
    const { open } = opener(content);
    const outcome = await client.uploadBlob('a', blobOf(content), open, { report: (bytes) => reported.push(bytes) });
    assert.equal(outcome, 'sent');
    assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
    assert.equal(reported.at(-1) ?? 0, size);
    assert.deepEqual(
      [...reported].sort((a, b) => a - b),
      reported,
    );
    assert.equal(await client.uploadBlob('a', blobOf(content), open), 'exists');
  });
}

test('a blob that another repository has is linked, not sent', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(5000);
  registry.addBlob(content);
  registry.intercept = (request, response) => request.method === 'HEAD' && replyError(response, 404, 'BLOB_UNKNOWN');
  const { open, offsets } = opener(content);
  assert.equal(await client.uploadBlob('a', blobOf(content), open, { from: 'b' }), 'mounted');
  assert.deepEqual(offsets, []);
  assert.equal(await client.mountBlob('a', blobOf(content), 'secret'), false);
  assert.equal(registry.uploads.size, 0, 'the upload that began instead is given back');
  assert.equal(await client.uploadBlob('a', blobOf(content), open, { from: 'secret' }), 'sent');
});

test('a cut upload goes on from where the registry says it is', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(8 << 20);
  cutUploads(registry, 2_500_000, 2);
  const { open, offsets } = opener(content);
  await client.sendBlob('a', blobOf(content), open);
  assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
  assert.deepEqual(offsets, [0, 2_500_000, 5_000_000]);
  assert.equal(registry.log.filter((line) => line.startsWith('POST')).length, 1);
});

test('an upload whose session is lost begins anew', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(4 << 20);
  let lose = true;
  registry.intercept = (request) => {
    if (request.method !== 'PATCH' || !lose) return false;
    lose = false;
    registry.uploads.clear();
    request.socket.destroy();
    return true;
  };
  const { open } = opener(content);
  await client.sendBlob('a', blobOf(content), open);
  assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
  assert.equal(registry.log.filter((line) => line.startsWith('POST')).length, 2);
});

test('a registry that is overloaded in the middle of an upload is asked how far it is', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(6 << 20);
  let busy = true;
  registry.intercept = async (request, response) => {
    if (request.method !== 'PATCH' || !busy) return false;
    busy = false;
    const id = /uploads\/([^?]+)/.exec(request.url ?? '')?.[1] as string;
    const taken: Buffer[] = [];
    for await (const chunk of request) {
      taken.push(chunk as Buffer);
      if (Buffer.concat(taken).length > 3 << 20) break;
    }
    registry.uploads.set(id, Buffer.concat(taken));
    return reply(response, 503, { connection: 'close' });
  };
  const { open, offsets } = opener(content);
  await client.sendBlob('a', blobOf(content), open);
  assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
  assert.ok(offsets.length === 2 && (offsets[1] as number) > 3 << 20, String(offsets));
});

test('an upload whose end was confirmed into the void counts', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(2 << 20);
  registry.intercept = (request) => {
    if (request.method !== 'PUT') return false;
    registry.addBlob(content);
    registry.uploads.clear();
    request.socket.destroy();
    return true;
  };
  const { open, offsets } = opener(content);
  await client.sendBlob('a', blobOf(content), open);
  assert.deepEqual(offsets, [0]);
});

test('what arrived damaged is sent again, and never more often than the tries', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(2 << 20);
  let damage = 1;
  registry.intercept = (request) => {
    if (request.method === 'PUT' && damage-- > 0)
      for (const id of registry.uploads.keys()) registry.uploads.set(id, Buffer.from('x'));
    return false;
  };
  await client.sendBlob('a', blobOf(content), opener(content).open);
  assert.ok(registry.blobs.has(digestOf(content)));
  registry.blobs.clear();
  damage = 1000;
  await assert.rejects(client.sendBlob('a', blobOf(content), opener(content).open), (error) =>
    hasCode(error, 'DataLoss'),
  );
  assert.equal(registry.uploads.size, 0);
});

test('a failure of the content itself is not tried again and passes as it is', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(4 << 20);
  const failure = new Error('disk gone');
  let opened = 0;
  const open = async (): Promise<ByteStream> => {
    opened += 1;
    return (async function* () {
      yield content.subarray(0, 1 << 20);
      throw failure;
    })();
  };
  await assert.rejects(client.sendBlob('a', blobOf(content), open), (error) => error === failure);
  assert.equal(opened, 1);
  assert.equal(registry.uploads.size, 0, 'the session is given back');
});

test('content of another length than said is refused', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  for (const size of [10, 3 << 20]) {
    const content = randomBytes(size);
    for (const said of [size - 1, size + 1]) {
      const descriptor = { ...blobOf(content), size: said };
      await assert.rejects(client.sendBlob('a', descriptor, opener(content).open), (error) =>
        hasCode(error, 'DataLoss'),
      );
    }
  }
  assert.equal(registry.blobs.size, 0);
});

test('an aborted upload gives its session back', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(8 << 20);
  const reason = new Error('enough');
  const abort = new AbortController();
  const { open } = opener(content);
  const report = (bytes: number): void => {
    if (bytes > 1 << 20) abort.abort(reason);
  };
  await assert.rejects(
    client.sendBlob('a', blobOf(content), open, { signal: abort.signal, report }),
    (error) => error === reason,
  );
  assert.equal(registry.uploads.size, 0);
});

test('a manifest is put, confirmed and deleted', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const bytes = Buffer.from('{"schemaVersion":2}');
  const put = { bytes, mediaType: MediaType.ociManifest };
  assert.equal(await client.putManifest('a/b', 'v1', put), digestOf(bytes));
  assert.ok(registry.manifests.get('a/b/v1')?.bytes.equals(bytes));
  await assert.rejects(client.putManifest('a/b', digestOf('other'), put), (error) => hasCode(error, 'DataLoss'));
  await client.deleteManifest('a/b', 'v1');
  assert.equal(await client.headManifest('a/b', 'v1'), undefined);
  registry.intercept = (request, response) =>
    request.method === 'PUT' && reply(response, 201, { 'docker-content-digest': digestOf('lie') });
  await assert.rejects(client.putManifest('a/b', 'v1', put), (error) => hasCode(error, 'DataLoss'));
});

test('a refusal names what was refused and what to do', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  registry.intercept = (request, response) =>
    request.url !== '/v2/' && replyError(response, 403, 'DENIED', 'not\u001b[31m yours');
  await assert.rejects(
    client.putManifest('team/app', 'v1', { bytes: Buffer.from('{}'), mediaType: MediaType.ociManifest }),
    (error) =>
      hasCode(error, 'PermissionDenied') &&
      (error as Error).message ===
        `cannot push manifest of team/app:v1: access denied for team/app (not [31m yours); it does not exist, or needs a login that may: strata login ${registry.host}`,
  );
});

/** Content that says what it is once a stream of it has come to its end. */
function made(content: Buffer): MadeBlob & { readonly offsets: number[] } {
  const { open, offsets } = opener(content);
  let ended = false;
  return {
    name: 'layer x',
    offsets,
    async open(offset) {
      const stream = await open(offset);
      return (async function* () {
        yield* stream;
        ended = true;
      })();
    },
    result: () => (ended ? { digest: digestOf(content), size: content.length } : undefined),
  };
}

for (const size of [0, 10, (3 << 20) + 17]) {
  test(`a blob of ${size} bytes is sent while it is made, and named at its end`, async () => {
    await using registry = await startFakeRegistry();
    await using client = clientOf(registry);
    const content = randomBytes(size);
    const reported: number[] = [];
    const sent = await client.sendMadeBlob('a', made(content), { report: (bytes) => reported.push(bytes) });
    assert.deepEqual(sent, { digest: digestOf(content), size });
    assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
    assert.equal(reported.at(-1) ?? 0, size);
    assert.deepEqual(
      registry.log.slice(-3).map((line) => line.split(' ')[0]),
      ['POST', 'PATCH', 'PUT'],
    );
  });
}

test('a blob that was cut while it was made goes on from where the registry says it is', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(8 << 20);
  cutUploads(registry, 2_500_000, 2);
  const blob = made(content);
  await client.sendMadeBlob('a', blob);
  assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
  assert.deepEqual(blob.offsets, [0, 0, 2_500_000, 5_000_000], 'made whole once more, to know its length');
  assert.equal(registry.log.filter((line) => line.startsWith('POST')).length, 1);
});

test('a registry that wants to know the length is told it', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const content = randomBytes(3 << 20);
  registry.intercept = (request, response) =>
    request.method === 'PATCH' &&
    request.headers['content-length'] === undefined &&
    reply(response, 411, { connection: 'close' });
  await client.sendMadeBlob('a', made(content));
  assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
});

test('what fails to be made, or was given up, gives its session back', async () => {
  await using registry = await startFakeRegistry();
  await using client = clientOf(registry);
  const failure = new Error('disk gone');
  const broken: MadeBlob = {
    name: 'layer x',
    open: async () =>
      (async function* () {
        yield randomBytes(1 << 20);
        throw failure;
      })(),
    result: () => undefined,
  };
  await assert.rejects(client.sendMadeBlob('a', broken), (error) => error === failure);
  const abort = new AbortController();
  const report = (): void => abort.abort(failure);
  const content = randomBytes(8 << 20);
  await assert.rejects(
    client.sendMadeBlob('a', made(content), { signal: abort.signal, report }),
    (error) => error === failure,
  );
  assert.equal(registry.uploads.size, 0);
});
