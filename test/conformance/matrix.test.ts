import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { digestOf } from '../../src/oci/index.ts';
import {
  type AccessRule,
  createRobot,
  type RunningRegistry,
  robotUser,
  setUser,
  startRegistry,
} from '../../src/registry/index.ts';
import { type Caller, callerOf, type Image } from './caller.ts';

type Verb = 'pull' | 'push' | 'delete';

const RULES: readonly AccessRule[] = [
  { who: ['admin'], repositories: ['**'], actions: ['pull', 'push', 'delete', 'list'] },
  { who: ['group:devs'], repositories: ['team/**'], actions: ['pull', 'push'] },
  { who: ['reader'], repositories: ['team/*'], actions: ['pull'] },
  { who: ['writer'], repositories: ['team/app'], actions: ['push'] },
  { who: ['users'], repositories: ['{user}/**'], actions: ['pull', 'push', 'delete'] },
  { who: ['anyone'], repositories: ['public/**'], actions: ['pull'] },
];
const USERS = ['admin', 'dev', 'reader', 'writer', 'eve'] as const;
const ROLES = [...USERS, 'robot', 'nobody'] as const;
type Role = (typeof ROLES)[number];
const REPOSITORIES = ['team/app', 'team/deep/app', 'public/image', 'eve/own', 'secret'] as const;
type Repository = (typeof REPOSITORIES)[number];

const ALL: readonly Verb[] = ['pull', 'push', 'delete'];
/** What follows from the rules, written down by hand: the matrix is checked against this and not against the rules' own code. */
const MAY: Readonly<Record<Role, Readonly<Record<Repository, readonly Verb[]>>>> = {
  admin: { 'team/app': ALL, 'team/deep/app': ALL, 'public/image': ALL, 'eve/own': ALL, secret: ALL },
  dev: {
    'team/app': ['pull', 'push'],
    'team/deep/app': ['pull', 'push'],
    'public/image': ['pull'],
    'eve/own': [],
    secret: [],
  },
  reader: { 'team/app': ['pull'], 'team/deep/app': [], 'public/image': ['pull'], 'eve/own': [], secret: [] },
  writer: { 'team/app': ['push'], 'team/deep/app': [], 'public/image': ['pull'], 'eve/own': [], secret: [] },
  eve: { 'team/app': [], 'team/deep/app': [], 'public/image': ['pull'], 'eve/own': ALL, secret: [] },
  // A robot has its own grants, and not what everyone has.
  robot: { 'team/app': ['pull', 'push'], 'team/deep/app': [], 'public/image': [], 'eve/own': [], secret: [] },
  nobody: { 'team/app': [], 'team/deep/app': [], 'public/image': ['pull'], 'eve/own': [], secret: [] },
};

let folder: string;
let robotSecret: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overstrata-matrix-'));
  for (const user of USERS) await setUser(join(folder, 'users'), user, `${user}-secret`, { cost: 4 });
  robotSecret = await createRobot(join(folder, 'robots'), 'ci', {
    repositories: ['team/app'],
    actions: ['pull', 'push'],
  });
});
after(() => rm(folder, { recursive: true, force: true }));

function passwordOf(role: Role): string | undefined {
  if (role === 'nobody') return undefined;
  return role === 'robot' ? `${robotUser('ci')}:${robotSecret}` : `${role}:${role}-secret`;
}

/** Every end point of a repository, with what it takes. */
function requests(repository: string, { manifest, layer }: Image): readonly (readonly [Verb, string, string])[] {
  const at = `/v2/${repository}`;
  const absent = digestOf('absent');
  return [
    ...['GET', 'HEAD'].flatMap((method) =>
      [`manifests/v1`, `manifests/${manifest}`, `manifests/none`, `blobs/${layer}`, `blobs/${absent}`, `tags/list`]
        .concat([`referrers/${manifest}`, `referrers/${absent}`])
        .map((path) => ['pull', method, `${at}/${path}`] as const),
    ),
    ['push', 'POST', `${at}/blobs/uploads/`],
    ['push', 'POST', `${at}/blobs/uploads/?digest=${digestOf('')}`],
    ['push', 'POST', `${at}/blobs/uploads/?mount=${layer}&from=${repository}`],
    ...['GET', 'HEAD', 'PATCH', 'DELETE'].map((method) => ['push', method, `${at}/blobs/uploads/none`] as const),
    ['push', 'PUT', `${at}/blobs/uploads/none?digest=${digestOf('')}`],
    ['push', 'PUT', `${at}/manifests/v2`],
    ['push', 'PUT', `${at}/manifests/${absent}`],
    ['delete', 'DELETE', `${at}/manifests/none`],
    ['delete', 'DELETE', `${at}/manifests/${absent}`],
    ['delete', 'DELETE', `${at}/blobs/${absent}`],
  ];
}

/** Asks with a token for these repositories, as clients that know of tokens do. */
async function withToken(registry: RunningRegistry, role: Role, repositories: readonly string[]): Promise<Caller> {
  const user = passwordOf(role);
  const scopes = repositories.map((name) => `scope=${encodeURIComponent(`repository:${name}:pull,push,delete`)}`);
  const plain = callerOf(registry.url, user === undefined ? {} : { user });
  const answer = await plain('GET', `/token?service=overstrata&scope=registry:catalog:*&${scopes.join('&')}`);
  assert.equal(answer.status, 200);
  return callerOf(registry.url, { bearer: answer.json<{ token: string }>().token });
}

for (const tokens of [false, true]) {
  const ways: Record<
    string,
    (registry: RunningRegistry, role: Role, repositories: readonly string[]) => Promise<Caller>
  > = {
    password: async (registry, role) => {
      const user = passwordOf(role);
      return callerOf(registry.url, user === undefined ? {} : { user });
    },
    ...(tokens && { token: withToken }),
  };
  for (const [way, as] of Object.entries(ways)) {
    describe(`by ${way}${tokens ? ', where there are tokens' : ''}`, () => {
      let registry: RunningRegistry;
      const images = new Map<string, Image>();
      before(async () => {
        const auth = {
          htpasswd: join(folder, 'users'),
          robots: join(folder, 'robots'),
          access: RULES,
          groups: { devs: ['dev'] },
          tokens,
        };
        registry = await startRegistry({ auth });
        const admin = await as(registry, 'admin', REPOSITORIES);
        for (const name of REPOSITORIES) images.set(name, await admin.image(name, 'v1', `layer of ${name}`));
      });
      after(() => registry.close());

      for (const role of ROLES) {
        test(`${role}: every verb on every path of every repository`, async () => {
          for (const repository of REPOSITORIES) {
            const call = await as(registry, role, [repository]);
            for (const [verb, method, path] of requests(repository, images.get(repository) as Image)) {
              const { status } = await call(method, path, { headers: { 'content-length': 0 } });
              const allowed = MAY[role][repository].includes(verb);
              const refusal = role === 'nobody' ? [401] : way === 'token' ? [401, 403] : [403];
              const what = `${role} ${method} ${path}: ${status}`;
              if (allowed) assert.ok(status !== 401 && status !== 403, what);
              else assert.ok(refusal.includes(status), what);
            }
          }
        });

        test(`${role}: every mount from every repository to every other`, async () => {
          for (const from of REPOSITORIES) {
            const { layer } = images.get(from) as Image;
            for (const to of REPOSITORIES) {
              if (from === to) continue;
              const call = await as(registry, role, [from, to]);
              const headers = { 'content-length': 0 };
              const { status } = await call('POST', `/v2/${to}/blobs/uploads/?mount=${layer}&from=${from}`, {
                headers,
              });
              const [mayPush, mayPull] = [MAY[role][to].includes('push'), MAY[role][from].includes('pull')];
              const what = `${role} mounts from ${from} to ${to}: ${status}`;
              if (mayPush) assert.equal(status, mayPull ? 201 : 202, what);
              else assert.ok(status === 401 || status === 403, what);
              // What was mounted is taken out again: the next role has to begin from the same.
              const admin = await as(registry, 'admin', [to]);
              const left = await admin('DELETE', `/v2/${to}/blobs/${layer}`);
              assert.equal(left.status, mayPush && mayPull ? 202 : 404, what);
            }
          }
        });
      }

      test('the catalog is for who may list', async () => {
        for (const role of ROLES) {
          const call = await as(registry, role, REPOSITORIES);
          const { status } = await call('GET', '/v2/_catalog');
          assert.equal(status === 200, role === 'admin', `${role}: ${status}`);
        }
      });
    });
  }
}

test('a token is for the repositories that it names, whatever its owner may elsewhere', async () => {
  const auth = { htpasswd: join(folder, 'users'), access: RULES, tokens: true };
  await assert.rejects(startRegistry({ auth }), /group devs, which is not there/);
  await using registry = await startRegistry({ auth: { ...auth, groups: { devs: [] } } });
  const call = await withToken(registry, 'admin', ['team/app']);
  await call.image('team/app', 'v1', 'a layer');
  const other = await call('GET', '/v2/secret/manifests/v1');
  assert.equal(other.status, 401, 'with another token it would work');
  assert.match(
    other.headers['www-authenticate'] ?? '',
    /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/token",service="overstrata",scope="repository:secret:pull",error="insufficient_scope"$/,
  );
  const reader = await withToken(registry, 'reader', ['secret']);
  assert.equal((await reader('GET', '/v2/secret/manifests/v1')).status, 403, 'no token would help');
});
