import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { digestOf } from '../oci/index.ts';
import { type RunningRegistry, startRegistry } from './server.ts';
import { memoryRegistryStorage } from './storage/open.ts';

let registry: RunningRegistry;
const content = randomBytes(700_000);
const blob = `/v2/a/blobs/${digestOf(content)}`;

before(async () => {
  registry = await startRegistry({ storage: memoryRegistryStorage() });
  const { status } = await fetch(`${registry.url}/v2/a/blobs/uploads/?digest=${digestOf(content)}`, {
    method: 'POST',
    body: content,
  });
  assert.equal(status, 201);
});
beforeEach(() => registry.faults.clear());
after(() => registry.close());

const get = async (path = blob, headers: Record<string, string> = {}): Promise<Response> =>
  await fetch(`${registry.url}${path}`, { headers });

/** Reads the body too: an answer that nobody reads holds the registry's end up. */
const statusOf = async (path?: string): Promise<number> => {
  const answer = await get(path);
  await answer.arrayBuffer();
  return answer.status;
};

test('it is ready in under 50 ms', async () => {
  const times: number[] = [];
  for (let tries = 0; tries < 5; tries += 1) {
    const start = performance.now();
    await using _other = await startRegistry();
    times.push(performance.now() - start);
  }
  assert.ok(Math.min(...times) < 50, `${times}`);
});

test('a refusal says when to come again, and ends after so many requests', async () => {
  registry.faults.add({ kind: 'refuse', retryAfter: 7 }, { times: 2, path: /\/blobs\// });
  assert.equal(await statusOf('/v2/'), 200);
  for (let tries = 0; tries < 2; tries += 1) {
    const { status, headers } = await get();
    assert.deepEqual([status, headers.get('retry-after')], [429, '7']);
  }
  assert.equal(await statusOf(), 200);
  {
    using _fault = registry.faults.add({ kind: 'refuse', status: 503 });
    assert.equal(await statusOf(), 503);
  }
  assert.equal(await statusOf(), 200);
});

test('an answer is cut after so many bytes; the rest comes by Range', async () => {
  registry.faults.add({ kind: 'cut', after: 300_000 }, { method: 'GET', times: 1 });
  const parts: Buffer[] = [];
  const answer = await get();
  await assert.rejects(async () => {
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) parts.push(Buffer.from(chunk));
  });
  const first = Buffer.concat(parts);
  assert.deepEqual(first, content.subarray(0, 300_000));
  const rest = Buffer.from(await (await get(blob, { range: 'bytes=300000-' })).arrayBuffer());
  assert.equal(digestOf(Buffer.concat([first, rest])), digestOf(content));
});

test('an upload is cut after so many bytes, which are kept', async () => {
  const start = await fetch(`${registry.url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const location = `${registry.url}${start.headers.get('location')}`;
  registry.faults.add({ kind: 'cut', of: 'request', after: 100_000 }, { method: 'PATCH', times: 1 });
  await assert.rejects(fetch(location, { method: 'PATCH', body: content }));
  let range: string | null = null;
  for (let tries = 0; tries < 100 && range !== '0-99999'; tries += 1)
    range = (await fetch(location)).headers.get('range');
  assert.equal(range, '0-99999');
  const rest = await fetch(`${location}?digest=${digestOf(content)}`, {
    method: 'PUT',
    body: content.subarray(100_000),
  });
  assert.equal(rest.status, 201);
});

test('a corrupt answer has another digest, and the next one is right', async () => {
  registry.faults.add({ kind: 'corrupt' }, { times: 1 });
  const wrong = Buffer.from(await (await get()).arrayBuffer());
  assert.equal(wrong.length, content.length);
  assert.notEqual(digestOf(wrong), digestOf(content));
  assert.equal(digestOf(Buffer.from(await (await get()).arrayBuffer())), digestOf(content));
});

test('a slow answer takes its time, and so does a late one', async () => {
  const time = async (): Promise<number> => {
    const start = performance.now();
    assert.equal(digestOf(Buffer.from(await (await get()).arrayBuffer())), digestOf(content));
    return performance.now() - start;
  };
  registry.faults.add({ kind: 'slow', bytesPerSecond: 3_500_000 }, { times: 1 });
  assert.ok((await time()) >= 180);
  registry.faults.add({ kind: 'delay', milliseconds: 150 }, { times: 1 });
  assert.ok((await time()) >= 145);
});

test('a token is taken for expired; requests without one pass', async () => {
  registry.faults.add({ kind: 'expired-token' });
  assert.equal(await statusOf(), 200);
  const { status, headers } = await get(blob, { authorization: 'Bearer abc' });
  assert.equal(status, 401);
  assert.ok(headers.get('www-authenticate'));
});
