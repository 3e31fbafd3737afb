import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf } from '../../src/oci/index.ts';
import {
  createRobot,
  listRobots,
  type RunningRegistry,
  removeRobot,
  robotUser,
  setUser,
  startRegistry,
} from '../../src/registry/index.ts';
import { type Answer, callerOf } from './caller.ts';

let folder: string;
let htpasswd: string;
let robots: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overstrata-tokens-'));
  htpasswd = join(folder, 'users');
  robots = join(folder, 'robots');
  await setUser(htpasswd, 'ann', 'ann-secret', { cost: 4 });
});
after(() => rm(folder, { recursive: true, force: true }));

interface Given {
  readonly token: string;
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly scope: string;
  readonly expires_in: number;
}

const SCOPE = 'scope=repository:a:pull,push,delete';
const ask = async (registry: RunningRegistry, query: string, user?: string): Promise<Answer> =>
  await callerOf(registry.url, user === undefined ? {} : { user })('GET', `/token?${query}`);
const ping = async (registry: RunningRegistry, bearer: string): Promise<number> =>
  (await callerOf(registry.url, { bearer })('GET', '/v2/')).status;
const post = async (registry: RunningRegistry, form: Record<string, string>): Promise<Answer> =>
  await callerOf(registry.url)('POST', '/token', {
    body: new URLSearchParams(form).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });

test('a challenge leads to a token, and the token to the content', async () => {
  await using registry = await startRegistry({ auth: { htpasswd, tokens: true } });
  const { status, headers } = await callerOf(registry.url)('GET', '/v2/');
  assert.equal(status, 401);
  assert.equal(headers['www-authenticate'], `Bearer realm="${registry.url}/token",service="overstrata"`);
  const given = (await ask(registry, `service=overstrata&account=ann&${SCOPE}`, 'ann:ann-secret')).json<Given>();
  assert.equal(given.token, given.access_token);
  assert.deepEqual(
    [given.scope, given.expires_in, given.refresh_token],
    ['repository:a:pull,push,delete', 300, undefined],
  );
  assert.equal(await ping(registry, given.token), 200);
  await callerOf(registry.url, { bearer: given.token }).image('a', 'v1', 'layer');
  assert.equal((await ask(registry, SCOPE, 'ann:wrong')).status, 401);
  assert.equal((await ask(registry, 'service=another', 'ann:ann-secret')).status, 400);
  assert.equal((await callerOf(registry.url, { user: 'ann:ann-secret' })('GET', '/v2/')).status, 200, 'Basic too');
});

test('anonymous tokens pull where that is allowed, and nothing else', async () => {
  await using registry = await startRegistry({ auth: { htpasswd, anonymousPull: true, tokens: true } });
  await callerOf(registry.url, { user: 'ann:ann-secret' }).image('a', 'v1', 'layer');
  const given = (await ask(registry, SCOPE)).json<Given>();
  assert.equal(given.scope, 'repository:a:pull');
  const call = callerOf(registry.url, { bearer: given.token });
  assert.equal((await call('GET', '/v2/a/manifests/v1')).status, 200);
  assert.equal((await call('DELETE', '/v2/a/manifests/v1')).status, 401);
  assert.equal((await call('GET', '/v2/')).status, 401);
});

test('a token of somebody else’s making is none, whatever it says of its key', async () => {
  const home = join(folder, 'forged');
  await using registry = await startRegistry({ folder: home, auth: { htpasswd, tokens: true } });
  const { token } = (await ask(registry, SCOPE, 'ann:ann-secret')).json<Given>();
  const [head, payload, signature] = token.split('.') as [string, string, string];
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg: string; kid: string };
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  assert.equal(header.alg, 'ES256');
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signed = (head: object, body: object, key: KeyObject = own.privateKey): string => {
    const text = `${encode(head)}.${encode(body)}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const pem = await readFile(join(home, 'tokens/key.pem'), 'utf8');
  const hmac = `${encode({ alg: 'HS256', kid: header.kid })}.${payload}`;
  const forgeries = {
    'another key under our kid': signed(header, claims),
    'its own key as jwk': signed({ ...header, jwk: own.publicKey.export({ format: 'jwk' }) }, claims),
    'its own key by jku': signed({ ...header, jku: 'https://attacker.example/keys' }, claims),
    'no algorithm': `${encode({ ...header, alg: 'none' })}.${payload}.`,
    'no algorithm, a signature': `${encode({ ...header, alg: 'none' })}.${payload}.${signature}`,
    'an HMAC by what everybody knows': `${hmac}.${createHmac('sha256', header.kid).update(hmac).digest('base64url')}`,
    'other claims': `${head}.${encode({ ...claims, sub: 'admin' })}.${signature}`,
    'a cut': token.slice(0, -10),
    nonsense: 'a.b.c',
    'a megabyte': `${head}.${randomBytes(5000).toString('base64url')}.${signature}`,
  };
  for (const [what, forged] of Object.entries(forgeries)) assert.equal(await ping(registry, forged), 401, what);
  assert.equal(await ping(registry, token), 200);

  // With our own key, and still not for us.
  const { createPrivateKey } = await import('node:crypto');
  const ours = createPrivateKey(pem);
  const now = Math.floor(Date.now() / 1000);
  const { exp: _, ...endless } = claims;
  for (const [what, wrong] of Object.entries({
    expired: { ...claims, exp: now - 1 },
    'not yet valid': { ...claims, nbf: now + 60 },
    endless,
    'another audience': { ...claims, aud: 'other' },
    'another issuer': { ...claims, iss: 'other' },
    'nobody we know': { ...claims, sub: 'ghost' },
    'a refresh token': { ...claims, kind: 'refresh' },
  }))
    assert.equal(await ping(registry, signed(header, wrong, ours)), 401, what);
  assert.equal(await ping(registry, signed(header, claims, ours)), 200);
  assert.equal((await stat(join(home, 'tokens/key.pem'))).mode & 0o777, 0o600);
});

test('refresh tokens give new tokens until the password changes, and tokens end with it', async () => {
  const file = join(folder, 'changing');
  await setUser(file, 'ann', 'old', { cost: 4 });
  const home = join(folder, 'refresh');
  let refresh: string;
  let token: string;
  {
    await using registry = await startRegistry({ folder: home, auth: { htpasswd: file, tokens: true } });
    const given = (await ask(registry, `${SCOPE}&offline_token=true`, 'ann:old')).json<Given>();
    ({ refresh_token: refresh = '', token } = given);
    assert.equal(await ping(registry, refresh), 401, 'a refresh token is for the token server alone');
    const form = {
      grant_type: 'password',
      username: 'ann',
      password: 'old',
      access_type: 'offline',
      service: 'overstrata',
    };
    assert.ok((await post(registry, form)).json<Given>().refresh_token);
    assert.equal((await post(registry, { ...form, password: 'wrong' })).status, 401);
    assert.equal((await post(registry, { ...form, grant_type: 'implicit' })).status, 400);
  }
  await using registry = await startRegistry({ folder: home, auth: { htpasswd: file, tokens: true } });
  assert.equal(await ping(registry, token), 200, 'the key outlives the process');
  const renew = { grant_type: 'refresh_token', refresh_token: refresh, scope: 'repository:a:pull' };
  const again = (await post(registry, renew)).json<Given>();
  assert.equal(again.scope, 'repository:a:pull');
  assert.equal(await ping(registry, again.access_token), 200);
  assert.equal(
    (await post(registry, { ...renew, refresh_token: token })).status,
    401,
    'an access token is no refresh token',
  );
  await setUser(file, 'ann', 'new', { cost: 4 });
  await sleep(1100);
  assert.equal(await ping(registry, again.access_token), 401);
  assert.equal((await post(registry, renew)).status, 401);
});

test('a token expires', async () => {
  await using registry = await startRegistry({ auth: { htpasswd, tokens: { life: 1, service: 'short' } } });
  const { token } = (await ask(registry, SCOPE, 'ann:ann-secret')).json<Given>();
  assert.equal(await ping(registry, token), 200);
  await sleep(1100);
  assert.equal(await ping(registry, token), 401);
});

test('a robot does what it was made for until it is removed or expires', async () => {
  const secret = await createRobot(robots, 'ci', { repositories: ['team/*'], actions: ['pull', 'push'] });
  const brief = await createRobot(robots, 'brief', {
    repositories: ['**'],
    actions: ['pull'],
    expires: Date.now() + 1500,
  });
  await assert.rejects(createRobot(robots, 'ci', { repositories: ['**'], actions: ['pull'] }), {
    code: 'AlreadyExists',
  });
  for (const name of ['', 'Ci', '../x', 'a:b'])
    await assert.rejects(createRobot(robots, name, { repositories: ['**'], actions: ['pull'] }), {
      code: 'InvalidArgument',
    });
  assert.deepEqual(
    (await listRobots(robots)).map(({ name }) => name),
    ['ci', 'brief'],
  );
  assert.ok(!(await readFile(robots, 'utf8')).includes(secret), 'the secret is told once');
  assert.equal((await stat(robots)).mode & 0o777, 0o600);

  await using registry = await startRegistry({ auth: { htpasswd, robots, tokens: true } });
  const robot = callerOf(registry.url, { user: `${robotUser('ci')}:${secret}` });
  await robot.image('team/app', 'v1', 'layer');
  assert.equal((await robot('DELETE', '/v2/team/app/manifests/v1')).status, 403);
  assert.equal((await robot('POST', `/v2/other/blobs/uploads/?digest=${digestOf('')}`)).status, 403);
  const given = (await ask(registry, 'scope=repository:team/app:*', `${robotUser('ci')}:${secret}`)).json<Given>();
  assert.equal(given.scope, 'repository:team/app:pull,push');
  assert.equal(await ping(registry, given.token), 200);
  assert.equal((await callerOf(registry.url, { user: `${robotUser('brief')}:${brief}` })('GET', '/v2/')).status, 200);
  assert.equal((await callerOf(registry.url, { user: `${robotUser('ci')}:${brief}` })('GET', '/v2/')).status, 401);
  assert.equal((await callerOf(registry.url, { user: `ci:${secret}` })('GET', '/v2/')).status, 401);

  assert.equal(await removeRobot(robots, 'ci'), true);
  assert.equal(await removeRobot(robots, 'ci'), false);
  await sleep(1600);
  assert.equal((await robot('GET', '/v2/')).status, 401);
  assert.equal(await ping(registry, given.token), 401, 'its tokens end with it');
  assert.equal((await callerOf(registry.url, { user: `${robotUser('brief')}:${brief}` })('GET', '/v2/')).status, 401);
});

test('a token server elsewhere is believed by its key, for what its tokens grant', async () => {
  const theirs = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = [theirs.publicKey.export({ type: 'spki', format: 'pem' }) as string];
  const external = { realm: 'https://auth.example/token', service: 'ours', issuer: 'them', keys };
  await using registry = await startRegistry({ auth: { external } });
  const { headers } = await callerOf(registry.url)('GET', '/v2/a/manifests/v1');
  assert.equal(
    headers['www-authenticate'],
    'Bearer realm="https://auth.example/token",service="ours",scope="repository:a:pull"',
  );
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokenFor = (more: object, alg = 'RS256'): string => {
    const access = [{ type: 'repository', name: 'a', actions: ['pull', 'push'] }];
    const text = `${encode({ alg })}.${encode({ iss: 'them', aud: 'ours', sub: 'ann', exp: now + 60, access, ...more })}`;
    return `${text}.${sign('sha256', Buffer.from(text), theirs.privateKey).toString('base64url')}`;
  };
  const call = callerOf(registry.url, { bearer: tokenFor({}) });
  await call.image('a', 'v1', 'layer');
  assert.equal((await call('GET', '/v2/a/manifests/v1')).status, 200);
  assert.equal((await call('DELETE', '/v2/a/manifests/v1')).status, 401);
  assert.equal((await call('GET', '/v2/b/manifests/v1')).status, 401);
  for (const token of [
    tokenFor({ aud: 'other' }),
    tokenFor({ iss: 'us' }),
    tokenFor({}, 'ES256'),
    tokenFor({ access: 'all' }),
  ])
    assert.notEqual((await callerOf(registry.url, { bearer: token })('GET', '/v2/a/manifests/v1')).status, 200);
});
