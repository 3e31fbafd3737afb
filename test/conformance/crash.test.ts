import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Digest, digestOf } from '../../src/oci/index.ts';
import { startRegistry } from '../../src/registry/index.ts';
import { type Caller, callerOf } from './caller.ts';

const KILLS = 20;

async function startChild(folder: string): Promise<{ child: ChildProcess; call: Caller }> {
  const entry = fileURLToPath(new URL('./registry-child.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout as NodeJS.ReadableStream))
    return { child, call: callerOf(line) };
  throw new Error('the registry did not start');
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'overstrata-crash-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test(`what was acknowledged is there after each of ${KILLS} kills during pushes`, { timeout: 120_000 }, async () => {
  await using folder = await temporaryFolder();
  const acknowledged = new Map<string, { layer: Digest; manifest: Digest }>();
  let count = 0;
  const pushUntilKilled = async (call: Caller): Promise<void> => {
    for (;;) {
      count += 1;
      const tag = `t${count}`;
      try {
        const layer = randomBytes(50_000 + Math.floor(Math.random() * 1_000_000));
        const { layer: digest, manifest } = await call.image('crash/test', tag, layer);
        acknowledged.set(tag, { layer: digest, manifest });
      } catch {
        return;
      }
    }
  };
  for (let round = 0; round < KILLS; round += 1) {
    const { child, call } = await startChild(folder.path);
    const pushing = [pushUntilKilled(call), pushUntilKilled(call)];
    await sleep(20 + Math.random() * 150);
    await kill(child, 'SIGKILL');
    await Promise.all(pushing);
  }

  await using registry = await startRegistry({ folder: folder.path, limits: { uploadLife: 0 } });
  const call = callerOf(registry.url);
  assert.ok(acknowledged.size > 0);
  for (const [tag, { layer, manifest }] of acknowledged) {
    assert.equal(digestOf((await call('GET', `/v2/crash/test/manifests/${tag}`)).body), manifest);
    assert.equal(digestOf((await call('GET', `/v2/crash/test/blobs/${layer}`)).body), layer);
  }
  const { tags } = (await call('GET', '/v2/crash/test/tags/list')).json<{ tags: string[] }>();
  for (const tag of tags) {
    // Also a push that was not acknowledged is whole, or not there at all.
    const { layers } = (await call('GET', `/v2/crash/test/manifests/${tag}`)).json<{ layers: { digest: Digest }[] }>();
    const blob = layers[0]?.digest as Digest;
    assert.equal(digestOf((await call('GET', `/v2/crash/test/blobs/${blob}`)).body), blob);
  }
  for (let tries = 0; tries < 100 && (await readdir(join(folder.path, 'uploads'))).length > 0; tries += 1)
    await sleep(20);
  assert.deepEqual(await readdir(join(folder.path, 'uploads')), [], 'dead uploads are swept');
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
