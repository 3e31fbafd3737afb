import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningRegistry, startRegistry } from '../../src/registry/index.ts';
import { listMounts } from '../../src/snapshot/index.ts';
import { openDriverPlace } from '../contracts/driver-place.ts';
import { needs } from '../peers.ts';
import { busyboxTar, ENTRY, outcomeOf, Strata } from '../strata.ts';

using place = await openDriverPlace('erofs');
const skip = place.skip || needs('busybox', 'crun', 'conmon', 'unshare');

/** Layers stay mounted for whoever comes next: who that may be, and what becomes of the mounts. */
describe('layers that are mounted', { skip, concurrency: false, timeout: 110_000 }, () => {
  let strata: Strata;
  let registry: RunningRegistry;
  let remote: string;
  before(async () => {
    strata = new Strata('strata-e2e-erofs-');
    strata.env['STRATA_DRIVER'] = 'erofs';
    registry = await startRegistry();
    remote = `${registry.host}/app:1`;
    await strata.run('import', busyboxTar(strata.folder) as string, remote);
    await strata.run('push', '--quiet', remote);
  });
  after(async () => {
    await strata?.[Symbol.asyncDispose]();
    await registry?.close();
  });

  const layers = (): string[] =>
    listMounts()
      .filter(({ type, target }) => type === 'erofs' && target.startsWith(`${strata.folder}/`))
      .map(({ target }) => target);
  const run = (...args: string[]): string[] => ['run', '--rm', '--network', 'none', ...args];

  test('serve containers of two mount namespaces, each with mounts of its own', async () => {
    await strata.run('run', '-d', '--network', 'none', '--name', 'here', remote, 'sleep', '100');
    const away = (mounts: string, ...command: string[]): string =>
      execFileSync(
        'unshare',
        ['--mount', '--propagation', 'private', 'sh', '-c', `${mounts} exec "$@"`, 'sh', ...command],
        {
          env: { ...process.env, ...strata.env },
          encoding: 'utf8',
        },
      );
    const again = [process.execPath, ENTRY, ...run(remote, 'cat', '/etc/group')];
    const said = /nogroup/;
    assert.match(away('', ...again), said);
    assert.match(
      away(
        layers()
          .map((target) => `umount '${target}';`)
          .join(' '),
        ...again,
      ),
      said,
      'it had none of them',
    );
    assert.equal(layers().length, 1);
    assert.match(await strata.run('exec', 'here', 'cat', '/etc/group'), said);
    await strata.run('rm', '--force', 'here');
  });

  test('are mounted again when somebody has unmounted them; a container that runs does not notice', async () => {
    await strata.run('run', '-d', '--network', 'none', '--name', 'here', remote, 'sleep', '100');
    for (const target of layers()) execFileSync('umount', ['--lazy', target]);
    assert.match(await strata.run('exec', 'here', 'cat', '/etc/passwd'), /nobody/);
    assert.match(await strata.run(...run(remote, 'cat', '/etc/passwd')), /nobody/);
    assert.equal(layers().length, 1);
    await strata.run('rm', '--force', 'here');
  });

  test('stay while a container needs them, and go with the image', async () => {
    await strata.run('run', '-d', '--network', 'none', '--name', 'here', remote, 'sleep', '100');
    const { code, stderr } = await strata.try(['rmi', remote]);
    assert.equal(code, 1);
    assert.match(stderr, /container/);
    assert.equal(layers().length, 1);
    await strata.run('rm', '--force', 'here');
    await strata.run('rmi', remote);
    assert.deepEqual(layers(), []);
  });

  test('are found again after kill -9 of a pull: none is left once the image has gone', async () => {
    const began = Date.now();
    await strata.run('pull', '--quiet', remote);
    const whole = Date.now() - began;
    for (let round = 1; round <= 8; round++) {
      await strata.run('rmi', '--force', remote);
      const child = strata.start(['pull', '--quiet', remote]);
      const ended = outcomeOf(child);
      await sleep((whole * (round + 4)) / 13);
      child.kill('SIGKILL');
      await ended;
      const { stdout } = await strata.try(['fsck']);
      const found = stdout.split('\n').filter((line) => line !== '' && line !== 'clean');
      // The folder in the making is waste that the next pull takes away; nothing else may be wrong.
      assert.deepEqual(
        found.filter((line) => !/^\.new-\S+ was left by a process that died$/.test(line)),
        [],
      );
      const known = globSync('sha256:*', { cwd: join(strata.folder, 'state/snapshots/erofs') });
      for (const target of layers())
        assert.ok(
          known.some((name) => target.endsWith(`/${name}/fs`)),
          target,
        );
      await strata.run('pull', '--quiet', remote);
      assert.equal(layers().length, 1);
    }
    await strata.run('rmi', '--force', remote);
    assert.deepEqual(layers(), []);
  });
});
