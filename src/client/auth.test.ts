import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import test from 'node:test';
import { type Descriptor, digestOf, MediaType } from '../oci/index.ts';
import { hasCode, readAll } from '../std/index.ts';
import { bodyOf, type FakeRegistry, reply, replyError, startFakeRegistry } from './fake-registry.ts';
import { type ClientOptions, registryClient } from './registry-client.ts';

const LOGIN = { username: 'user', password: 'pa:ss wörd' };
const BASIC = `Basic ${Buffer.from('user:pa:ss wörd').toString('base64')}`;
const clientOf = (registry: FakeRegistry, extra: ClientOptions = {}): ReturnType<typeof registryClient> =>
  registryClient(registry.host, { configFile: '/nonexistent/config.json', backoff: 1, attempts: 3, ...extra });
const blobOf = (content: Buffer): Descriptor => ({
  mediaType: MediaType.ociLayerGzip,
  digest: digestOf(content),
  size: content.length,
});

interface Guarded {
  /** Scopes of each token that was given out. */
  readonly given: string[];
  /** Tokens that are good. */
  readonly valid: Set<string>;
  /** Overrides the realm that challenges name. */
  realm?: string;
  /** Seconds. */
  lifetime: number;
  /** Authorization that the token server wants; undefined for anyone. */
  wants?: string;
}

/** Puts a token server (at the registry's own origin) and a check of tokens before the registry. */
function guard(registry: FakeRegistry): Guarded {
  const guarded: Guarded = { given: [], valid: new Set(), lifetime: 300 };
  const next = registry.intercept;
  registry.intercept = async (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '', registry.origin);
    if (url.pathname === '/token') {
      const form = request.method === 'POST' ? new URLSearchParams((await bodyOf(request)).toString()) : undefined;
      const proof = form ? `refresh ${form.get('refresh_token')}` : request.headers.authorization;
      if (guarded.wants !== undefined && proof !== guarded.wants)
        return reply(response, 401, {}, '{"details":"bad login"}');
      const token = randomBytes(12).toString('hex');
      guarded.valid.add(token);
      guarded.given.push((form ? [form.get('scope') ?? ''] : url.searchParams.getAll('scope')).join(' '));
      return reply(response, 200, {}, JSON.stringify({ token, expires_in: guarded.lifetime }));
    }
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token && guarded.valid.has(token)) return (await next?.(request, response)) ?? false;
    const realm = guarded.realm ?? `${registry.origin}/token`;
    return reply(
      response,
      401,
      { 'www-authenticate': `Bearer realm="${realm}",service="fake"` },
      '{"errors":[{"code":"UNAUTHORIZED"}]}',
    );
  };
  return guarded;
}

test('basic credentials are sent once they are asked for', async () => {
  await using registry = await startFakeRegistry();
  registry.intercept = (request, response) =>
    request.headers.authorization !== BASIC && reply(response, 401, { 'www-authenticate': 'Basic realm="x"' });
  await using client = clientOf(registry, { credentials: LOGIN });
  await client.ping();
  await client.ping();
  assert.deepEqual(
    registry.requests.map(({ authorization }) => authorization),
    [undefined, BASIC, BASIC],
  );

  await using wrong = clientOf(registry, { credentials: { ...LOGIN, password: 'nope' } });
  await assert.rejects(wrong.ping(), (error) => hasCode(error, 'Unauthenticated') && !String(error).includes('nope'));
  await using anonymous = clientOf(registry);
  await assert.rejects(
    anonymous.ping(),
    (error) => hasCode(error, 'Unauthenticated') && /strata login 127/.test(String(error)),
  );
});

test('an anonymous token is fetched for what is asked, and used again', async () => {
  await using registry = await startFakeRegistry();
  const guarded = guard(registry);
  const digest = registry.addBlob('hello');
  await using client = clientOf(registry);
  await Promise.all([client.headBlob('a', digest), client.headBlob('a', digest), client.headBlob('a', digest)]);
  await client.headBlob('b', digest);
  assert.deepEqual(guarded.given, ['repository:a:pull', 'repository:b:pull']);
});

test('a token for pushing does for looking, mounting asks for both repositories', async () => {
  await using registry = await startFakeRegistry();
  const guarded = guard(registry);
  await using client = clientOf(registry);
  const content = randomBytes(100);
  const open = async (): Promise<AsyncIterable<Buffer>> =>
    (async function* () {
      yield content;
    })();
  assert.equal(await client.uploadBlob('a', blobOf(content), open, { from: 'b' }), 'sent');
  assert.deepEqual(guarded.given, ['repository:a:pull,push', 'repository:a:pull,push repository:b:pull']);
});

test('a token that ends in the middle is replaced, for requests and for uploads', async () => {
  await using registry = await startFakeRegistry();
  const guarded = guard(registry);
  await using client = clientOf(registry);
  const content = randomBytes(3 << 20);
  registry.addBlob(content);
  await client.headBlob('a', digestOf(content));
  guarded.valid.clear();
  await client.headBlob('a', digestOf(content));
  assert.equal(guarded.given.length, 2);

  registry.blobs.clear();
  let expire = true;
  const open = async (offset: number): Promise<AsyncIterable<Buffer>> =>
    (async function* () {
      for (let at = offset; at < content.length; at += 65_536) {
        if (expire) guarded.valid.clear(); // between the POST and the PATCH
        expire = false;
        yield content.subarray(at, at + 65_536);
      }
    })();
  await client.sendBlob('a', blobOf(content), open);
  assert.ok(registry.blobs.get(digestOf(content))?.equals(content));
});

test('a token is renewed before it ends by what its server said', async () => {
  await using registry = await startFakeRegistry();
  const guarded = guard(registry);
  guarded.lifetime = 0.05;
  await using client = clientOf(registry);
  const digest = registry.addBlob('x');
  await client.headBlob('a', digest);
  await new Promise((resolve) => setTimeout(resolve, 60));
  guarded.lifetime = 300;
  await client.headBlob('a', digest);
  await client.headBlob('a', digest);
  assert.equal(guarded.given.length, 2);
  assert.equal(
    registry.requests.filter(({ url, authorization }) => url.startsWith('/v2/a') && !authorization).length,
    1,
  );
});

test('a login goes to the token server only, an identity token by POST', async () => {
  await using registry = await startFakeRegistry();
  const guarded = guard(registry);
  guarded.wants = BASIC;
  const digest = registry.addBlob('x');
  await using client = clientOf(registry, { credentials: LOGIN });
  assert.deepEqual(await client.headBlob('a', digest), { size: 1 });
  for (const { url, authorization } of registry.requests) {
    if (!url.startsWith('/token')) assert.ok(!authorization || authorization.startsWith('Bearer '));
  }
  await using wrong = clientOf(registry, { credentials: { ...LOGIN, password: 'hunter2' } });
  await assert.rejects(
    wrong.headBlob('a', digest),
    (error) => hasCode(error, 'Unauthenticated') && /stored login/.test(String(error)),
  );

  guarded.wants = 'refresh identity';
  await using token = clientOf(registry, { credentials: { identityToken: 'identity' } });
  assert.deepEqual(await token.headBlob('a', digest), { size: 1 });
});

test('no credentials go to a token server that is not https, is inside, or is another one than before', async () => {
  await using registry = await startFakeRegistry();
  const guarded = guard(registry);
  const digest = registry.addBlob('x');
  const refused = async (realm: string, options: ClientOptions = {}): Promise<void> => {
    guarded.realm = realm;
    await using client = clientOf(registry, { credentials: LOGIN, ...options });
    await assert.rejects(client.headBlob('a', digest), (error) => hasCode(error, 'PermissionDenied'), realm);
  };
  await refused('http://example.com/token');
  await refused('http://10.0.0.1/token');
  await refused('https://169.254.169.254/token');
  await refused('https://user:pw@example.com/token');
  await refused('ftp://127.0.0.1/token');
  await refused('nonsense');
  const known = new Map([[registry.host, 'https://auth.example.com/token']]);
  const realms = {
    get: async (name: string) => known.get(name),
    set: async (name: string, realm: string) => void known.set(name, realm),
  };
  await refused(`${registry.origin}/token`, { realms });
  known.clear();
  await using client = clientOf(registry, { credentials: LOGIN, realms });
  assert.deepEqual(await client.headBlob('a', digest), { size: 1 });
  assert.equal(known.get(registry.host), `${registry.origin}/token`);

  // Changed while the client lives.
  await using elsewhere = await startFakeRegistry();
  guarded.realm = `${elsewhere.origin}/token`;
  guarded.valid.clear();
  await assert.rejects(client.headBlob('a', digest), (error) => hasCode(error, 'PermissionDenied'));
  assert.equal(elsewhere.requests.length, 0);
});

test('authorization never follows a redirect to another place', async () => {
  await using registry = await startFakeRegistry();
  await using elsewhere = await startFakeRegistry();
  const content = Buffer.from('the blob');
  elsewhere.intercept = (_, response) => reply(response, 200, {}, content);
  registry.intercept = (request, response) => {
    if (request.headers.authorization !== BASIC) return reply(response, 401, { 'www-authenticate': 'Basic realm="x"' });
    if (request.url === '/moved') return reply(response, 200, {}, content);
    const location = (request.url ?? '').includes('/own/') ? '/moved' : `${elsewhere.origin}/signed?key=1`;
    return (request.url ?? '').includes('/blobs/') && reply(response, 307, { location });
  };
  await using client = clientOf(registry, { credentials: LOGIN });
  const limit = { limit: 100, what: 'test' };
  assert.deepEqual(await readAll(await client.blob('a', blobOf(content)), limit), content);
  assert.deepEqual(
    elsewhere.requests.map(({ authorization }) => authorization),
    [undefined],
  );
  assert.deepEqual(await readAll(await client.blob('own', blobOf(content)), limit), content);
  assert.equal(registry.requests.at(-1)?.authorization, BASIC);
});

test('an upload that the registry sends elsewhere goes there without authorization', async () => {
  await using registry = await startFakeRegistry();
  await using elsewhere = await startFakeRegistry();
  elsewhere.uploads.set('there', Buffer.alloc(0));
  registry.intercept = (request, response) => {
    if (request.headers.authorization !== BASIC) return reply(response, 401, { 'www-authenticate': 'Basic realm="x"' });
    return (
      request.method === 'POST' &&
      reply(response, 202, { location: `${elsewhere.origin}/v2/a/blobs/uploads/there?sig=1` })
    );
  };
  await using client = clientOf(registry, { credentials: LOGIN });
  const content = randomBytes(2 << 20);
  await client.sendBlob('a', blobOf(content), async () =>
    (async function* () {
      yield content;
    })(),
  );
  assert.ok(elsewhere.blobs.has(digestOf(content)));
  assert.ok(elsewhere.requests.every(({ authorization }) => authorization === undefined));
});

test('a 401 from elsewhere is not answered', async () => {
  await using registry = await startFakeRegistry();
  await using elsewhere = await startFakeRegistry();
  elsewhere.intercept = (_, response) => reply(response, 401, { 'www-authenticate': 'Basic realm="give me"' });
  registry.intercept = (request, response) =>
    (request.url ?? '').includes('/blobs/') && reply(response, 302, { location: `${elsewhere.origin}/x` });
  await using client = clientOf(registry, { credentials: LOGIN });
  await assert.rejects(client.blob('a', blobOf(Buffer.from('x'))), (error) => hasCode(error, 'Unauthenticated'));
  assert.ok(elsewhere.requests.every(({ authorization }) => authorization === undefined));
});

test('a redirect to link-local addresses, or in circles, ends', async () => {
  await using registry = await startFakeRegistry();
  let location = 'http://169.254.169.254/latest/meta-data';
  registry.intercept = (request, response) =>
    (request.url ?? '').includes('/blobs/') && reply(response, 307, { location });
  await using client = clientOf(registry);
  await assert.rejects(client.blob('a', blobOf(Buffer.from('x'))), (error) => hasCode(error, 'PermissionDenied'));
  location = '/v2/a/blobs/again';
  await assert.rejects(client.blob('a', blobOf(Buffer.from('x'))), /redirects without end/);
  location = 'file:///etc/passwd';
  await assert.rejects(client.blob('a', blobOf(Buffer.from('x'))), (error) => hasCode(error, 'PermissionDenied'));
});

test('a server that repeats our secrets does not get them into errors', async () => {
  await using registry = await startFakeRegistry();
  registry.intercept = (request, response) =>
    request.headers.authorization === undefined
      ? reply(response, 401, { 'www-authenticate': 'Basic realm="x"' })
      : replyError(response, 403, 'DENIED', `you sent ${request.headers.authorization} that is pa:ss wörd`);
  await using client = clientOf(registry, { credentials: LOGIN });
  await assert.rejects(
    client.manifest('a', 'latest'),
    (error) => /you sent Basic \*\*\* that is \*\*\*/.test(String(error)) && !String(error).includes('wörd'),
  );
});

test('credentials of a registry never reach its mirror', async () => {
  await using registry = await startFakeRegistry();
  await using mirror = await startFakeRegistry();
  for (const place of [registry, mirror]) {
    place.intercept = (request, response) =>
      request.headers.authorization !== BASIC && reply(response, 401, { 'www-authenticate': 'Basic realm="x"' });
  }
  registry.addManifest('a/latest', '{}');
  await using client = clientOf(registry, { credentials: LOGIN, mirrors: { [registry.host]: [mirror.host] } });
  await client.manifest('a', 'latest');
  assert.ok(mirror.requests.length > 0);
  assert.ok(mirror.requests.every(({ authorization }) => authorization === undefined));
});
