import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Strata } from '../strata.ts';
import { callerOf } from './caller.ts';

test('a registry by its configuration: users, robots, tokens, quota, collection while it serves', async () => {
  await using strata = new Strata('strata-registry-');
  const path = (name: string): string => join(strata.folder, name);
  const config = {
    listen: '127.0.0.1:0',
    folder: 'registry',
    htpasswd: 'users',
    robots: 'robots',
    tokens: true,
    access: [{ who: ['ann'], repositories: ['**'], actions: ['pull', 'push', 'delete', 'list'] }],
    quotas: [{ repositories: 'small/**', bytes: '1kB' }],
    metrics: 'loopback',
    log: 'json',
  };
  writeFileSync(path('registry.json'), JSON.stringify(config));
  const added = await strata.try(['registry', 'user', 'add', '--password-stdin', path('users'), 'ann'], {
    input: 'secret',
  });
  assert.equal(added.code, 0, added.stderr);
  const token = await strata.run(
    ...['registry', 'token', 'create', path('robots'), 'ci', '--repository', 'team/**', '--action', 'pull,push'],
  );
  assert.match(await strata.run('registry', 'token', 'ls', path('robots')), /^NAME.*\nci\s+team\/\*\*\s+pull,push/);

  const serving = strata.start(['registry', 'serve', '--config', path('registry.json'), '--ready-file', path('ready')]);
  let log = '';
  serving.stderr?.on('data', (chunk: Buffer) => {
    log += chunk;
  });
  const gone = once(serving, 'exit');
  try {
    for (let tries = 0; tries < 200 && !existsSync(path('ready')); tries += 1) await sleep(50);
    const host = readFileSync(path('ready'), 'utf8').trim();
    const url = `http://${host}`;
    const login = await strata.try(['login', '--username', 'ann', '--password-stdin', host], { input: 'secret' });
    assert.equal(login.code, 0, login.stderr);
    const wrong = await strata.try(['login', '--username', 'ann', '--password-stdin', host], { input: 'wrong' });
    assert.notEqual(wrong.code, 0);

    const robot = callerOf(url, { user: `robot/ci:${token.trim()}` });
    await robot.image('team/app', 'v1', 'a layer');
    assert.equal((await robot('DELETE', '/v2/team/app/manifests/v1')).status, 403);
    const ann = callerOf(url, { user: 'ann:secret' });
    await assert.rejects(ann.blob('small/app', 'x'.repeat(1001)), /small\/app holds 0 of the 1000 bytes/);
    assert.equal((await ann('DELETE', '/v2/team/app/manifests/v1')).status, 202);

    const collect = ['registry', 'collect', '--folder', path('registry'), '--grace', '0', '--untagged'];
    assert.match(await strata.run(...collect, '--dry-run'), /^Would remove 1 manifest, 2 blobs; would free 9B\n$/);
    assert.match(await strata.run(...collect), /^Removed 1 manifest, 2 blobs, 0 uploads; freed 9B\n$/);
    assert.match((await callerOf(url)('GET', '/metrics')).body.toString(), /strata_registry_collected_bytes_total 9/);
  } finally {
    serving.kill('SIGTERM');
    assert.deepEqual(await gone, [0, null], log);
  }
  const records = log
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.ok(records.some(({ user, method, status }) => user === 'robot/ci' && method === 'DELETE' && status === 403));
  assert.ok(!log.includes(token.trim()) && !log.includes('secret'));
  assert.match(await strata.run('registry', 'collect', '--folder', path('registry')), /^Removed 0 manifests/);
});
