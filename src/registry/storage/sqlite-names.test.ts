import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Digest, digestOf, MediaType } from '../../oci/index.ts';
import type { NewManifest } from './names.ts';
import { sqliteNames } from './sqlite-names.ts';
import { writeQueue } from './write-queue.ts';

function manifestOf(text: string, requires: NewManifest['requires'] = []): NewManifest {
  const content = Buffer.from(text);
  return { digest: digestOf(content), mediaType: MediaType.ociManifest, size: content.length, content, requires };
}

test('names survive being closed and opened', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'overstrata-names-'));
  try {
    const manifest = manifestOf('{}');
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

test('a manifest that needs what is missing changes nothing', async () => {
  await using names = sqliteNames(':memory:');
  const needed = { kind: 'blob', digest: digestOf('layer'), size: 5 } as const;
  const elsewhere = { kind: 'blob', digest: digestOf('foreign'), size: 7, optional: true } as const;
  const manifest = manifestOf('{"a":1}', [needed, elsewhere]);
  assert.deepEqual(await names.putManifest('a', manifest, 'v1'), [needed]);
  await names.linkBlob('b', needed.digest, 5);
  assert.deepEqual(
    await names.putManifest('a', manifest, 'v1'),
    [needed],
    "another repository's blob is not this one's",
  );
  assert.equal(await names.findManifest('a', 'v1'), undefined);
  await names.linkBlob('a', needed.digest, 5);
  assert.deepEqual(await names.putManifest('a', manifest, 'v1'), []);
});

test('pushes, moves and deletes of tags and manifests do what a model does', async () => {
  const contents = ['{"n":1}', '{"n":2}', '{"n":3}'];
  const command = fc.record({
    verb: fc.constantFrom('push', 'untag', 'delete'),
    repository: fc.constantFrom('a', 'b'),
    tag: fc.constantFrom('x', 'Y', 'z'),
    content: fc.constantFrom(...contents),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
      await using names = sqliteNames(':memory:');
      const tags = new Map<string, Digest>();
      const held = new Set<string>();
      for (const { verb, repository, tag, content } of commands) {
        const manifest = manifestOf(content);
        const [tagKey, heldKey] = [`${repository} ${tag}`, `${repository} ${manifest.digest}`];
        if (verb === 'push') {
          await names.putManifest(repository, manifest, tag);
          tags.set(tagKey, manifest.digest);
          held.add(heldKey);
        } else if (verb === 'untag') {
          assert.equal(await names.removeTag(repository, tag), tags.delete(tagKey));
        } else {
          assert.equal(await names.removeManifest(repository, manifest.digest), held.delete(heldKey));
          for (const [key, digest] of tags)
            if (key.startsWith(`${repository} `) && digest === manifest.digest) tags.delete(key);
        }
      }
      for (const repository of ['a', 'b']) {
        for (const tag of ['x', 'Y', 'z']) {
          assert.equal((await names.findManifest(repository, tag))?.digest, tags.get(`${repository} ${tag}`));
        }
        for (const content of contents) {
          const { digest } = manifestOf(content);
          assert.equal(
            (await names.findManifest(repository, digest)) !== undefined,
            held.has(`${repository} ${digest}`),
          );
        }
        const listed = (await names.listTags(repository, { limit: 10 })) ?? [];
        assert.deepEqual(
          listed,
          ['x', 'Y', 'z'].filter((tag) => tags.has(`${repository} ${tag}`)),
        );
      }
      const repositories = ['a', 'b'].filter((repository) => [...held].some((key) => key.startsWith(`${repository} `)));
      assert.deepEqual(await names.listRepositories({ limit: 10 }), repositories);
    }),
    { numRuns: 60 },
  );
});
