import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startRegistry } from '../../src/registry/index.ts';
import { needs } from '../peers.ts';
import { busyboxTar, Strata } from '../strata.ts';

test('a pull notes that what was unpacked before it has reached the disk', { skip: needs('busybox') }, async () => {
  await using registry = await startRegistry();
  await using strata = new Strata('strata-settled-');
  const remote = `${registry.host}/app:1`;
  await strata.run('import', busyboxTar(strata.folder) as string, remote);
  await strata.run('push', '--quiet', remote);
  await strata.run('rmi', remote);
  const settled = (): boolean[] => {
    const folder = join(strata.folder, 'state', 'snapshots');
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /sha256:[0-9a-f]{64}\/record\.json$/.test(file))
      .map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')).synced);
  };
  await strata.run('pull', '--quiet', remote);
  assert.deepEqual(settled(), [false], 'nobody waits for the disk');
  await strata.run('pull', '--quiet', remote);
  assert.deepEqual(settled(), [true]);
});
