import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf } from '../../src/oci/index.ts';
import {
  type AccessRecord,
  type Policy,
  type RunningRegistry,
  removeUser,
  setUser,
  startRegistry,
} from '../../src/registry/index.ts';
import { type Caller, callerOf, type Image } from './caller.ts';

let folder: string;
let htpasswd: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overstrata-access-'));
  htpasswd = join(folder, 'users');
  for (const user of ['ann', 'bob', 'eve']) await setUser(htpasswd, user, `${user}-secret`, { cost: 4 });
});
after(() => rm(folder, { recursive: true, force: true }));

const as = (registry: RunningRegistry, user?: string): Caller =>
  callerOf(registry.url, user === undefined ? {} : { user: `${user}:${user}-secret` });

/** Every end point, as a request that would succeed where it is allowed. */
function requests(
  repository: string,
  image: Image,
): [verb: 'pull' | 'push' | 'delete', method: string, path: string][] {
  const at = `/v2/${repository}`;
  return [
    ['pull', 'GET', `${at}/manifests/v1`],
    ['pull', 'HEAD', `${at}/manifests/v1`],
    ['pull', 'GET', `${at}/manifests/${image.manifest}`],
    ['pull', 'GET', `${at}/blobs/${image.layer}`],
    ['pull', 'HEAD', `${at}/blobs/${image.layer}`],
    ['pull', 'GET', `${at}/tags/list`],
    ['pull', 'GET', `${at}/referrers/${image.manifest}`],
    ['pull', 'GET', `${at}/manifests/absent`],
    ['pull', 'HEAD', `${at}/blobs/${digestOf('absent')}`],
    ['push', 'POST', `${at}/blobs/uploads/`],
    ['push', 'POST', `${at}/blobs/uploads/?mount=${image.layer}&from=${repository}`],
    ['push', 'POST', `${at}/blobs/uploads/?digest=${digestOf('')}`],
    ['push', 'GET', `${at}/blobs/uploads/none`],
    ['push', 'PATCH', `${at}/blobs/uploads/none`],
    ['push', 'PUT', `${at}/blobs/uploads/none?digest=${digestOf('')}`],
    ['push', 'DELETE', `${at}/blobs/uploads/none`],
    ['push', 'PUT', `${at}/manifests/v2`],
    ['delete', 'DELETE', `${at}/manifests/absent`],
    ['delete', 'DELETE', `${at}/manifests/${digestOf('absent')}`],
    ['delete', 'DELETE', `${at}/blobs/${digestOf('absent')}`],
  ];
}

test('who may do what holds for every verb and path', async () => {
  // ann owns a/, bob may pull from it, eve may nothing there, nobody is in without a name.
  const policy: Policy = ({ user }, action, repository) =>
    user === 'ann'
      ? true
      : user === 'bob'
        ? action === 'pull'
        : user === 'eve' && repository?.startsWith('eve/') === true;
  await using registry = await startRegistry({ auth: { htpasswd }, policy });
  const image = await as(registry, 'ann').image('a/private', 'v1', 'private layer');
  for (const [verb, method, path] of requests('a/private', image)) {
    for (const [user, allowed, refusal] of [
      ['ann', true, 0],
      ['bob', verb === 'pull', 403],
      ['eve', false, 403],
      [undefined, false, 401],
    ] as const) {
      const { status, headers } = await as(registry, user)(method, path, { headers: { 'content-length': 0 } });
      const what = `${user} ${method} ${path}: ${status}`;
      if (allowed) assert.ok(status !== 401 && status !== 403, what);
      else assert.equal(status, refusal, what);
      if (refusal === 401) assert.match(headers['www-authenticate'] ?? '', /^Basic realm="registry"/);
    }
  }
  const { status, headers } = await as(registry)('GET', '/v2/');
  assert.equal(status, 401);
  assert.ok(headers['www-authenticate']);
});

test('a blob can be mounted only from where its caller may pull', async () => {
  const policy: Policy = ({ user }, _action, repository) => repository?.startsWith(`${user}/`) === true;
  await using registry = await startRegistry({ auth: { htpasswd }, policy });
  const { layer } = await as(registry, 'ann').image('ann/private', 'v1', 'private layer');
  const eve = as(registry, 'eve');
  const mount = (digest: string): ReturnType<Caller> =>
    eve('POST', `/v2/eve/own/blobs/uploads/?mount=${digest}&from=ann/private`, { headers: { 'content-length': 0 } });
  const [held, absent] = [await mount(layer), await mount(digestOf('absent'))];
  assert.deepEqual([held.status, absent.status], [202, 202], 'a blob that is there looks like one that is not');
  assert.equal((await eve('HEAD', `/v2/eve/own/blobs/${layer}`)).status, 404);
  assert.deepEqual((await as(registry, 'ann')('GET', '/v2/ann/private/tags/list')).status, 200);
});

test('the catalog shows what its caller may pull', async () => {
  const policy: Policy = ({ user }, action, repository) =>
    action === 'list' || repository?.startsWith(`${user}/`) === true;
  await using registry = await startRegistry({ auth: { htpasswd }, policy, limits: { pageSize: 2 } });
  for (const name of ['ann/1', 'ann/2', 'ann/3']) await as(registry, 'ann').image(name, 'v1', 'x');
  await as(registry, 'bob').image('bob/1', 'v1', 'x');
  assert.deepEqual((await as(registry, 'bob')('GET', '/v2/_catalog')).json(), { repositories: ['bob/1'] });
  assert.deepEqual((await as(registry, 'ann')('GET', '/v2/_catalog')).json(), { repositories: ['ann/1', 'ann/2'] });
});

test('anonymous callers may pull where that is allowed, and are still asked who they are', async () => {
  await using registry = await startRegistry({ auth: { htpasswd, anonymousPull: true } });
  await as(registry, 'ann').image('a', 'v1', 'x');
  const nobody = callerOf(registry.url);
  assert.equal((await nobody('GET', '/v2/a/manifests/v1')).status, 200);
  assert.equal((await callerOf(registry.url, { user: ':' })('GET', '/v2/a/manifests/v1')).status, 200);
  assert.equal((await nobody('GET', '/v2/')).status, 401);
  assert.equal((await nobody('GET', '/v2/_catalog')).status, 401);
  assert.equal((await nobody('POST', '/v2/a/blobs/uploads/')).status, 401);
  const wrong = await callerOf(registry.url, { user: 'ann:wrong' })('GET', '/v2/a/manifests/v1');
  assert.equal(wrong.status, 401, 'wrong credentials are not the same as none');
});

test('a changed or removed user is out within a second, remembered or not', async () => {
  const file = join(folder, 'changing');
  await setUser(file, 'ann', 'old', { cost: 4 });
  await using registry = await startRegistry({ auth: { htpasswd: file } });
  const login = async (user: string): Promise<number> => (await callerOf(registry.url, { user })('GET', '/v2/')).status;
  assert.equal(await login('ann:old'), 200);
  await setUser(file, 'ann', 'new', { cost: 4 });
  await sleep(1100);
  assert.deepEqual([await login('ann:old'), await login('ann:new')], [401, 200]);
  assert.equal(await removeUser(file, 'ann'), true);
  await sleep(1100);
  assert.equal(await login('ann:new'), 401);
});

test('failed logins are limited by address; who was verified before is not kept out', async () => {
  await using registry = await startRegistry({ auth: { htpasswd } });
  const login = async (user: string) => await callerOf(registry.url, { user })('GET', '/v2/');
  assert.equal((await login('ann:ann-secret')).status, 200);
  const statuses = [];
  for (let tries = 0; tries < 14; tries += 1) statuses.push((await login(`ann:guess${tries}`)).status);
  assert.deepEqual(statuses.slice(0, 10), Array(10).fill(401));
  assert.equal(statuses.at(-1), 429);
  const limited = await login('bob:bob-secret');
  assert.equal(limited.status, 429);
  assert.equal(limited.code(), 'TOOMANYREQUESTS');
  assert.ok(Number(limited.headers['retry-after']) > 0);
  assert.equal((await login('ann:ann-secret')).status, 200);
});

test('guesses at the same moment are counted too, equal credentials at the same moment only once', async () => {
  await using registry = await startRegistry({ auth: { htpasswd } });
  const login = async (user: string): Promise<number> => (await callerOf(registry.url, { user })('GET', '/v2/')).status;
  const friends = await Promise.all(Array.from({ length: 30 }, () => login('ann:ann-secret')));
  assert.deepEqual(friends, Array(30).fill(200));
  const guesses = await Promise.all(Array.from({ length: 30 }, (_, index) => login(`bob:guess${index}`)));
  assert.ok(guesses.filter((status) => status === 401).length <= 11, `${guesses}`);
});

test('credentials that are no Basic ones are refused', async () => {
  await using registry = await startRegistry({ auth: { htpasswd } });
  for (const authorization of ['Bearer abc', 'Basic', 'Basic !!!', 'Basic YWJj', `Basic ${'A'.repeat(9000)}`]) {
    assert.equal(
      (await callerOf(registry.url)('GET', '/v2/', { headers: { authorization } })).status,
      401,
      authorization,
    );
  }
});

test('huge headers, garbage and refused bodies end quickly', async () => {
  await using registry = await startRegistry({ auth: { htpasswd } });
  const answerTo = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(registry.port, '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.on('error', () => {}).on('close', () => resolve(answer));
      socket.write(text);
    });
  assert.match(await answerTo(`GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431/);
  assert.match(await answerTo('not http at all\r\n\r\n'), /^HTTP\/1.1 400/);
  assert.match(
    await answerTo('GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'),
    /^HTTP\/1.1 400/,
  );
  // A client that waits to be told to go on is refused before it sends anything.
  const refused = await answerTo(
    'POST /v2/a/blobs/uploads/?digest=x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n',
  );
  assert.match(refused, /^HTTP\/1.1 401[\s\S]*Connection: close/i);
  assert.doesNotMatch(refused, /100 Continue/);
});

test('plain HTTP is for loopback unless it is asked for', async () => {
  await assert.rejects(startRegistry({ host: '0.0.0.0' }), /plain HTTP on 0\.0\.0\.0/);
  await using registry = await startRegistry({ host: '0.0.0.0', plainHttp: true });
  assert.equal((await callerOf(registry.url)('GET', '/v2/')).status, 200);
});

test('a registry with tls auto answers those who trust its authority', async () => {
  const home = join(folder, 'tls');
  await using registry = await startRegistry({ folder: home, tls: 'auto' });
  const ca = registry.certificate?.ca as string;
  assert.equal((await callerOf(registry.url, { ca })('GET', '/v2/')).status, 200);
  await assert.rejects(callerOf(registry.url)('GET', '/v2/'));
});

test('every request leaves one record, without its password', async () => {
  const records: AccessRecord[] = [];
  await using registry = await startRegistry({ auth: { htpasswd }, log: (record) => records.push(record) });
  await as(registry, 'ann')('GET', '/v2/a/manifests/none?x=1');
  await callerOf(registry.url)('GET', '/v2/');
  const seen = records.map(({ method, path, status, user, complete }) => ({ method, path, status, user, complete }));
  assert.deepEqual(seen, [
    { method: 'GET', path: '/v2/a/manifests/none?x=1', status: 404, user: 'ann', complete: true },
    { method: 'GET', path: '/v2/', status: 401, user: undefined, complete: true },
  ]);
  assert.ok(!JSON.stringify(records).includes('secret'));
});

test('a client that stands still is cut off, and what it sent is kept', async () => {
  await using registry = await startRegistry({ limits: { idleTime: 150 } });
  const call = callerOf(registry.url);
  const start = (await call('POST', '/v2/a/blobs/uploads/', { headers: { 'content-length': 0 } })).headers.location;
  const socket = connect(registry.port, '127.0.0.1').on('error', () => {});
  socket.write(`PATCH ${start} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n0123456789`);
  const began = performance.now();
  await new Promise((done) => socket.on('close', done));
  assert.ok(performance.now() - began < 2000);
  let range: unknown;
  for (let tries = 0; tries < 100 && range !== '0-9'; tries += 1) {
    await sleep(10);
    ({ range } = (await call('GET', start as string)).headers);
  }
  assert.equal(range, '0-9');
});

test('more uploads at once than the registry takes are asked to come later', async () => {
  await using registry = await startRegistry({ limits: { uploads: 1 } });
  const call = callerOf(registry.url);
  const first = connect(registry.port, '127.0.0.1').on('error', () => {});
  first.write(`POST /v2/a/blobs/uploads/?digest=${digestOf('abc')} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab`);
  await sleep(50);
  const second = await call('POST', `/v2/a/blobs/uploads/?digest=${digestOf('x')}`, { body: 'x' });
  assert.deepEqual([second.status, second.code(), second.headers['retry-after']], [429, 'TOOMANYREQUESTS', '1']);
  first.write('c');
  await new Promise((done) => first.once('data', done));
  first.destroy();
  assert.equal((await call('POST', `/v2/a/blobs/uploads/?digest=${digestOf('x')}`, { body: 'x' })).status, 201);
  assert.equal((await call('HEAD', `/v2/a/blobs/${digestOf('abc')}`)).status, 200);
});
