import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { registryNamesContract } from '../../../test/contracts/registry-names.ts';
import { digestOf, MediaType } from '../../oci/index.ts';
import type { NewManifest } from './names.ts';
import { sqliteNames } from './sqlite-names.ts';
import { writeQueue } from './write-queue.ts';

registryNamesContract('SQLite', async () => sqliteNames(':memory:'));

test('names survive being closed and opened', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'overstrata-names-'));
  try {
    const content = Buffer.from('{}');
    const manifest: NewManifest = {
      digest: digestOf(content),
      mediaType: MediaType.ociManifest,
      size: 2,
      content,
      requires: [],
    };
    {
      await using names = sqliteNames(join(folder, 'names'));
      await names.putManifest('a', manifest, 'v1');
    }
    await using names = sqliteNames(join(folder, 'names'));
    assert.deepEqual(await names.findManifest('a', 'v1'), {
      digest: manifest.digest,
      mediaType: MediaType.ociManifest,
      size: 2,
    });
    assert.equal((await names.readManifest(manifest.digest))?.toString(), '{}');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('names of a newer format are refused, not touched', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'overstrata-names-'));
  try {
    const path = join(folder, 'names');
    const newer = new DatabaseSync(path);
    newer.exec('PRAGMA user_version = 99');
    newer.close();
    assert.throws(() => sqliteNames(path), { code: 'NotImplemented', message: /format 99/ });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('changes that wait together are one transaction, and one that fails takes back only itself', async () => {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE t (x INTEGER UNIQUE)');
  const change = writeQueue(database);
  const insert = (x: number): Promise<void> =>
    change(() => {
      database.prepare('INSERT INTO t VALUES (?)').run(x);
      if (x === 2) throw new Error('two');
    });
  const results = await Promise.allSettled([insert(1), insert(2), insert(1), insert(3)]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(
    database
      .prepare('SELECT x FROM t ORDER BY x')
      .all()
      .map((row) => row['x']),
    [1, 3],
  );
  database.close();
});
