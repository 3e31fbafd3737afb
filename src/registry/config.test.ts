import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type RegistryConfig, readRegistryConfig } from './config.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overstrata-config-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function read(content: object | string, env: Record<string, string> = {}): Promise<RegistryConfig> {
  const file = join(folder, 'registry.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return await readRegistryConfig(file, { env });
}

test('sizes and times are read as people write them, paths as beside the file', async () => {
  const config = await read({
    listen: '0.0.0.0:5000',
    htpasswd: 'users',
    tls: { cert: '/etc/cert.pem', key: 'key.pem' },
    quotas: [{ repositories: 'team/**', bytes: '1.5GiB' }],
    retention: [{ repositories: '**', keepLast: 5, keepPulledWithin: '30d', keepSemver: true, keep: ['latest'] }],
    collection: { every: '6h', grace: '1h30m', untagged: true },
    limits: { uploads: 8, idleTime: '500ms', blobBytes: 1000 },
    groups: { devs: ['ann'] },
    access: [{ who: ['group:devs'], repositories: ['**'], actions: ['pull', 'push'] }],
    external: { realm: 'https://auth.example/token', service: 'us', issuer: 'them', keys: ['auth.pem'] },
    tokens: { publicUrl: 'https://registry.example', life: 60 },
  });
  assert.equal(config.htpasswd, join(folder, 'users'));
  assert.deepEqual(config.tls, { cert: '/etc/cert.pem', key: join(folder, 'key.pem') });
  assert.deepEqual(config.external?.keys, [join(folder, 'auth.pem')]);
  assert.equal(config.quotas?.[0]?.bytes, 1.5 * 2 ** 30);
  assert.equal(config.retention?.[0]?.keepPulledWithin, 30 * 24 * 3600_000);
  assert.deepEqual(config.collection, { every: 6 * 3600_000, grace: 90 * 60_000, untagged: true });
  assert.deepEqual(config.limits, { uploads: 8, idleTime: 500, blobBytes: 1000 });
});

test('every key that is wrong is named, with what it should be', async () => {
  await assert.rejects(
    read({
      listn: 'x',
      plainHttp: 'yes',
      quotas: [{ repositories: '**', bytes: '10 parsecs' }, {}],
      limits: { uploads: -1, pageSise: 3 },
      collection: { every: 60 },
      access: [{ who: 'ann', repositories: ['**'], actions: ['fly'] }],
      tls: 'maybe',
    }),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'InvalidArgument');
      for (const part of [
        'listn is no key of the configuration; is listen meant?',
        'plainHttp must be true or false',
        'quotas[0].bytes must be a number of bytes or a size',
        'quotas[1].repositories is missing',
        'limits.uploads must be a whole number',
        'limits.pageSise is no key of limits; is pageSize meant?',
        'collection.every must be a duration',
        'access[0].who must be a list',
        'access[0].actions[0] must be "pull" or "push" or "delete" or "list"',
        'tls must be "auto" or "off"',
      ])
        assert.ok(error.message.includes(part), `${part}\n${error.message}`);
      return true;
    },
  );
  await assert.rejects(read('{"listen": "a:1", "listen": "b:2"}'), /key "listen" twice/);
  await assert.rejects(read('{'), { code: 'InvalidArgument' });
  await assert.rejects(read('[]'), /must be an object/);
  await assert.rejects(readRegistryConfig(join(folder, 'none'), { env: {} }), { code: 'NotFound' });
});

test('the environment stands over the file', async () => {
  const env = {
    STRATA_REGISTRY_LISTEN: '127.0.0.1:5001',
    STRATA_REGISTRY_LIMITS_UPLOADS: '3',
    STRATA_REGISTRY_LIMITS_IDLE_TIME: '2s',
    STRATA_REGISTRY_ANONYMOUS_PULL: 'true',
    STRATA_REGISTRY_NAMES: 'a.example, b.example',
    STRATA_REGISTRY_TLS: 'auto',
    STRATA_REGISTRY_QUOTAS: '[{"repositories":"**","bytes":"1kB"}]',
    STRATA_REGISTRY_REALM: '',
    OTHER: 'x',
  };
  const config = await read({ listen: 'x:1', limits: { uploads: 8, connections: 9 }, realm: 'mine' }, env);
  assert.deepEqual(config, {
    listen: '127.0.0.1:5001',
    limits: { uploads: 3, connections: 9, idleTime: 2000 },
    realm: 'mine',
    anonymousPull: true,
    names: ['a.example', 'b.example'],
    tls: 'auto',
    quotas: [{ repositories: '**', bytes: 1000 }],
  });
  await assert.rejects(
    read({}, { STRATA_REGISTRY_LIMITS_UPLOADS: 'many' }),
    /STRATA_REGISTRY_LIMITS_UPLOADS must be a whole/,
  );
  await assert.rejects(read({}, { STRATA_REGISTRY_LISTN: 'x' }), /STRATA_REGISTRY_LISTN names no key/);
});
