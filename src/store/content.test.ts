import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { contentStoreContract } from '../../test/contracts/content-store.ts';
import { temporaryStore } from '../../test/fixtures/stored-image.ts';
import { digestOf } from '../oci/index.ts';
import { GrowingFile, readAll } from '../std/index.ts';

contentStoreContract('files', async (t) => (await temporaryStore(t)).content);

test('who has only the handle of an ingest finds the blob still when it comes late', async (t) => {
  const { content } = await temporaryStore(t);
  const bytes = randomBytes(100_000);
  await using ingest = await content.ingest({ digest: digestOf(bytes) });
  assert.ok(!('exists' in ingest));
  const { path, shared } = ingest.file.handle;
  await ingest.write(bytes);
  await ingest.commit();
  const late = new GrowingFile(path, shared); // as a worker makes it
  assert.ok((await readAll(late.read(), { limit: bytes.length, what: 'it' })).equals(bytes));
});
