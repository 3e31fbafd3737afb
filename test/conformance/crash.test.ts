import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf } from '../../src/oci/index.ts';
import { startRegistry } from '../../src/registry/index.ts';
import { registryCrash } from '../proof/registry-crash.ts';
import { callerOf } from './caller.ts';
import { kill, startChild } from './registry-process.ts';

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'overstrata-crash-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

// The short form of `npm run proof -- registry-crash`.
test('what was acknowledged is there after each kill during pushes, deletes and collection', {
  timeout: 120_000,
}, async (t) => {
  const seed = Date.now() % 1e9;
  t.diagnostic(`seed ${seed}`);
  await registryCrash.run({ count: 15, seed, log: (line) => t.diagnostic(line) });
});

test('an upload session goes on after the server was killed', async () => {
  await using folder = await temporaryFolder();
  const content = randomBytes(300_000);
  const first = await startChild(folder.path);
  const start = (await first.call('POST', '/v2/a/blobs/uploads/', { headers: { 'content-length': 0 } })).headers
    .location as string;
  assert.equal((await first.call('PATCH', start, { body: content.subarray(0, 200_000) })).status, 202);
  await kill(first.child, 'SIGKILL');

  const { child, call } = await startChild(folder.path);
  try {
    const status = await call('GET', start);
    assert.deepEqual([status.status, status.headers['range']], [204, '0-199999']);
    const rest = await call('PATCH', start, {
      body: content.subarray(200_000),
      headers: { 'content-range': '200000-299999' },
    });
    assert.equal(rest.status, 202);
    assert.equal(
      (await call('PUT', `${start}?digest=${digestOf(content)}`, { headers: { 'content-length': 0 } })).status,
      201,
    );
    assert.deepEqual((await call('GET', `/v2/a/blobs/${digestOf(content)}`)).body, content);
  } finally {
    await kill(child, 'SIGKILL');
  }
});

test('a folder is served by one process at a time, and free when that is killed', async () => {
  await using folder = await temporaryFolder();
  const { child } = await startChild(folder.path);
  await assert.rejects(startRegistry({ folder: folder.path }), {
    code: 'Conflict',
    message: /another registry serves/,
  });
  await kill(child, 'SIGKILL');
  await using registry = await startRegistry({ folder: folder.path });
  assert.ok(registry.port > 0);
});

test('a graceful stop takes no new connections and finishes what runs', async () => {
  await using folder = await temporaryFolder();
  const registry = await startRegistry({ folder: folder.path });
  const content = randomBytes(200_000);
  const socket = connect(registry.port, '127.0.0.1');
  const path = `/v2/a/blobs/uploads/?digest=${digestOf(content)}`;
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\n\r\n`);
  socket.write(content.subarray(0, 100_000));
  await sleep(50);
  const closing = registry.close();
  await sleep(50);
  await assert.rejects(callerOf(registry.url)('GET', '/v2/'), { code: 'ECONNREFUSED' });
  socket.write(content.subarray(100_000));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1.1 201/);
  await closing;
  await using again = await startRegistry({ folder: folder.path });
  assert.equal((await callerOf(again.url)('HEAD', `/v2/a/blobs/${digestOf(content)}`)).status, 200);
});
