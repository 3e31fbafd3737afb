import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessRecord } from './access-log.ts';
import { startRegistry } from './server.ts';
import { tokenLogin } from './token-login.ts';

test('metrics count requests by what they were about, in Prometheus’s form', async () => {
  await using registry = await startRegistry({ metrics: 'loopback' });
  for (const path of ['/v2/', '/v2/', '/v2/a/manifests/none', '/nothing', '/v2/evil"name/tags/list'])
    await (await fetch(`${registry.url}${path}`)).arrayBuffer();
  await registry.collect();
  const answer = await fetch(`${registry.url}/metrics`);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  const lines = text.trimEnd().split('\n');
  const sample = /^[a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+$/;
  for (const line of lines) assert.ok(line.startsWith('# ') || sample.test(line), line);
  for (const expected of [
    'strata_registry_requests_total{method="GET",route="ping",status="200"} 2',
    'strata_registry_requests_total{method="GET",route="manifest",status="404"} 1',
    'strata_registry_requests_total{method="GET",route="other",status="404"} 1',
    'strata_registry_request_seconds_count{route="ping"} 2',
    'strata_registry_request_seconds_bucket{route="ping",le="+Inf"} 2',
    'strata_registry_requests_running 1',
    'strata_registry_collections_total 1',
  ])
    assert.ok(lines.includes(expected), `${expected}\n${text}`);
  assert.ok(!text.includes('evil'), 'nothing that a client chose');
});

test('without being asked for, there are no metrics', async () => {
  await using registry = await startRegistry();
  assert.equal((await fetch(`${registry.url}/metrics`)).status, 404);
});

test('it is healthy while it answers, and not ready once it is about to stop', async () => {
  const registry = await startRegistry({ limits: { drainTime: 300 } });
  for (const path of ['/health', '/ready']) assert.equal((await fetch(`${registry.url}${path}`)).status, 200);
  const closing = registry.close();
  assert.equal((await fetch(`${registry.url}/ready`)).status, 503);
  assert.equal((await fetch(`${registry.url}/health`)).status, 200);
  assert.equal((await fetch(`${registry.url}/v2/`)).status, 200, 'it serves on until balancers have looked');
  await closing;
  await assert.rejects(fetch(`${registry.url}/ready`));
});

test('a request has an id in log and answer: its own where that is decent', async () => {
  const records: AccessRecord[] = [];
  await using registry = await startRegistry({ log: (record) => records.push(record) });
  const ids: (string | null)[] = [];
  for (const id of [undefined, 'mine-1', 'not decent', 'x'.repeat(100)]) {
    const { headers } = await fetch(`${registry.url}/v2/a/manifests/x?token=secret`, {
      headers: id === undefined ? {} : { 'x-request-id': id },
    });
    ids.push(headers.get('x-request-id'));
  }
  assert.equal(ids[1], 'mine-1');
  assert.equal(new Set(ids).size, 4);
  assert.ok(ids.every((id) => /^[\w.-]{1,64}$/.test(id ?? '')));
  assert.deepEqual(
    records.map(({ id }) => id),
    ids,
  );
  assert.ok(!JSON.stringify(records).includes('secret'));
});

test('an odd Host header is not repeated in a challenge', () => {
  const login = tokenLogin({} as never, {} as never, { service: 'here' });
  const challengeFor = (host: string): string =>
    login.challenge({ headers: { host }, socket: { localAddress: '127.0.0.1', localPort: 5000 } } as never);
  assert.equal(
    challengeFor('registry.example:5000'),
    'Bearer realm="http://registry.example:5000/token",service="here"',
  );
  for (const host of ['a"b', 'a/b', 'user@host', 'a b', ''])
    assert.equal(challengeFor(host), 'Bearer realm="http://127.0.0.1:5000/token",service="here"', host);
});
