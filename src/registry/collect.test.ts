import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { type Digest, digestOf, MediaType } from '../oci/index.ts';
import { type CollectionReport, collect } from './collect.ts';
import { collectFolder } from './control.ts';
import { type ContentRules, compileRules } from './rules.ts';
import { startRegistry } from './server.ts';
import type { NewManifest } from './storage/names.ts';
import { openRegistryStorage, type RegistryStorage, temporaryRegistryStorage } from './storage/open.ts';

const limits = { bytes: 1 << 20, slowest: 0 };
const uploadLife = 3600_000;

/** What a client does, without HTTP. */
function pusherOf({ names, blobs }: RegistryStorage) {
  const blob = async (repository: string, text: string): Promise<Digest> => {
    const digest = digestOf(text);
    using _claim = await names.claimBlob(digest);
    await blobs.store(Readable.from([Buffer.from(text)]), digest, limits);
    await names.linkBlob(repository, digest, text.length);
    return digest;
  };
  const manifest = async (
    repository: string,
    text: string,
    { tag, ...more }: Partial<NewManifest> & { tag?: string } = {},
  ): Promise<Digest> => {
    const content = Buffer.from(text);
    const digest = digestOf(content);
    const size = content.length;
    const value = { digest, size, mediaType: MediaType.ociManifest, content, requires: [], ...more };
    assert.deepEqual(await names.putManifest(repository, value, tag), []);
    return digest;
  };
  const image = async (repository: string, text: string, tag?: string): Promise<Digest> => {
    const digest = await blob(repository, text);
    const requires = [{ kind: 'blob', digest, size: text.length }] as const;
    return await manifest(repository, `{"layer":"${text}"}`, { requires, ...(tag !== undefined && { tag }) });
  };
  return { blob, manifest, image };
}

const now = (storage: RegistryStorage, rules?: ContentRules, more: object = {}): Promise<CollectionReport> =>
  collect(storage, { uploadLife, grace: 0, untagged: true, rules: compileRules(rules), ...more });

async function heldBlobs({ blobs }: RegistryStorage): Promise<Digest[]> {
  return (await Array.fromAsync(blobs.list())).sort();
}

test('what no tag leads to goes, with its bytes; what a tag leads to stays, by index and by referrer', async () => {
  await using storage = await temporaryRegistryStorage();
  const push = pusherOf(storage);
  const { names } = storage;
  const child = await push.image('a', 'child');
  const size = (await names.findManifest('a', child))?.size as number;
  const requires = [{ kind: 'child', digest: child, size }] as const;
  const index = await push.manifest('a', '{"index":1}', { requires, tag: 'v1' });
  const signature = await push.manifest('a', '{"signs":"child"}', { subject: child });
  const ofSignature = await push.manifest('a', '{"signs":"signature"}', { subject: signature });
  const dead = await push.image('a', 'dead');
  const deadSignature = await push.manifest('a', '{"signs":"dead"}', { subject: dead });
  await push.blob('a', 'orphan');
  await push.blob('b', 'orphan of another');

  const planned = await now(storage, {}, { dryRun: true });
  assert.equal((await heldBlobs(storage)).length, 4, 'a dry run leaves all');
  const done = await now(storage);
  assert.deepEqual({ ...planned, dryRun: false }, done, 'and tells what will be');
  assert.deepEqual([done.manifests, done.blobs, done.bytes], [2, 3, 4 + 6 + 17]);
  for (const digest of [index, child, signature, ofSignature]) assert.ok(await names.findManifest('a', digest));
  for (const digest of [dead, deadSignature]) {
    assert.equal(await names.findManifest('a', digest), undefined);
    assert.equal(await names.readManifest(digest), undefined);
  }
  assert.deepEqual(await heldBlobs(storage), [digestOf('child')]);
});

test('bytes stay while any repository holds them', async () => {
  await using storage = await temporaryRegistryStorage();
  const push = pusherOf(storage);
  await push.image('a', 'shared', 'v1');
  await push.image('b', 'shared');
  assert.equal((await now(storage)).bytes, 0);
  assert.deepEqual(await heldBlobs(storage), [digestOf('shared')]);
  await storage.names.removeTag('a', 'v1');
  assert.equal((await now(storage)).bytes, 6);
});

test('what is young, was pulled just now or is being placed is spared', async () => {
  await using storage = await temporaryRegistryStorage();
  const push = pusherOf(storage);
  const { names, blobs } = storage;
  const image = await push.image('a', 'young');
  await push.blob('a', 'a layer whose manifest comes');
  assert.deepEqual(
    Object.values(await now(storage, {}, { grace: 60_000 })),
    Object.values({ dryRun: false, tags: [], manifests: 0, blobs: 0, bytes: 0, uploads: 0 }),
  );
  await new Promise((done) => setTimeout(done, 30));
  names.recordPull('a', image);
  assert.equal((await now(storage, {}, { grace: 20 })).manifests, 0);
  assert.deepEqual(await heldBlobs(storage), [digestOf('young')]);

  const digest = digestOf('placed');
  {
    using _claim = await names.claimBlob(digest);
    await blobs.store(Readable.from([Buffer.from('placed')]), digest, limits);
    await now(storage);
    assert.notEqual(await blobs.sizeOf(digest), undefined, 'nothing holds it yet, but somebody claims it');
  }
  await now(storage);
  assert.equal(await blobs.sizeOf(digest), undefined);
});

test('a claim waits for a removal that runs', async () => {
  await using storage = await temporaryRegistryStorage();
  const { names } = storage;
  const digest = digestOf('x');
  assert.deepEqual(await names.condemnBlobs([digest]), [digest]);
  let claimed = false;
  const claiming = names.claimBlob(digest).then((claim) => {
    claimed = true;
    return claim;
  });
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(claimed, false);
  await names.absolveBlobs([digest]);
  using _claim = await claiming;
  assert.deepEqual(await names.condemnBlobs([digest]), []);
});

test('retention removes tags, and what only they led to', async () => {
  await using storage = await temporaryRegistryStorage();
  const push = pusherOf(storage);
  for (const tag of ['1.0.0', 'main', 'pr-1', 'pr-2']) await push.image('team/app', tag, tag);
  await push.image('other', 'pr-1', 'pr-1');
  const rules: ContentRules = { retention: [{ repositories: 'team/*', keepSemver: true, keep: ['main'] }] };
  const report = await now(storage, rules, { untagged: false });
  assert.deepEqual(report.tags, ['team/app:pr-1', 'team/app:pr-2']);
  assert.deepEqual(await storage.names.listTags('team/app', { limit: 10 }), ['1.0.0', 'main']);
  assert.deepEqual(await heldBlobs(storage), ['1.0.0', 'main', 'pr-1'].map((text) => digestOf(text)).sort());
});

test('a folder is collected whether a registry serves it or not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'overstrata-collect-'));
  try {
    await assert.rejects(collectFolder(join(folder, 'none')), { code: 'NotFound' });
    {
      await using storage = await openRegistryStorage(folder);
      await pusherOf(storage).blob('a', 'one');
    }
    assert.equal((await collectFolder(folder, { grace: 0 })).bytes, 3);
    await using registry = await startRegistry({ folder });
    const pushed = await fetch(`${registry.url}/v2/a/blobs/uploads/?digest=${digestOf('four')}`, {
      method: 'POST',
      body: 'four',
    });
    assert.equal(pushed.status, 201);
    assert.equal((await collectFolder(folder, { grace: 0, dryRun: true })).bytes, 4);
    assert.equal((await collectFolder(folder)).bytes, 0, 'within its grace');
    assert.equal((await collectFolder(folder, { grace: 0 })).bytes, 4);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('names of the first format are brought to this one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'overstrata-upgrade-'));
  try {
    {
      await using storage = await openRegistryStorage(folder);
      await pusherOf(storage).image('a', 'kept', 'v1');
    }
    const old = new DatabaseSync(join(folder, 'names.sqlite'));
    old.exec(`DROP INDEX held_manifest_digest; DROP INDEX requirement_digest;
      ALTER TABLE held_manifest DROP COLUMN pulled; PRAGMA user_version = 1`);
    old.close();
    await using storage = await openRegistryStorage(folder);
    assert.equal((await now(storage)).blobs, 0);
    assert.ok(await storage.names.findManifest('a', 'v1'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
