import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { storeImage } from '../../test/fixtures/stored-image.ts';
import { mount, unmount } from '../linux/index.ts';
import { digestOf } from '../oci/index.ts';
import { hasCode, isErrno } from '../std/index.ts';
import { collectGarbage, fsck, openStore, type Store } from './index.ts';

/** A store on a file system of `size`; undefined, and the test skipped, where none can be mounted. */
async function smallStore(t: TestContext, type: 'tmpfs' | 'ext4', size: number): Promise<Store | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-store-'));
  let mounted = false;
  t.after(async () => {
    if (mounted) unmount(join(folder, 'small'), { lazy: true });
    await rm(folder, { recursive: true, force: true });
  });
  const place = join(folder, 'small');
  await mkdir(place);
  try {
    if (type === 'tmpfs') mount('tmpfs', place, 'tmpfs', 0, `size=${size}`);
    else {
      const image = join(folder, 'image');
      execFileSync('truncate', ['-s', String(size), image]);
      execFileSync('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image]);
      execFileSync('mount', ['-o', 'loop', image, place], { stdio: 'ignore' });
    }
  } catch (error) {
    t.skip(`no ${type} can be mounted here: ${(error as Error).message}`);
    return undefined;
  }
  mounted = true;
  return openStore(join(place, 'state'));
}

for (const type of ['tmpfs', 'ext4'] as const) {
  test(`a full ${type} is told as such and leaves a sound store, which goes on when there is room`, async (t) => {
    const store = await smallStore(t, type, 12 << 20);
    if (!store) return;
    await storeImage(store, { name: 'before' });
    const waste = await store.content.put(randomBytes(300_000));
    const full = (error: unknown): boolean => hasCode(error, 'ResourceExhausted');

    const big = randomBytes(16 << 20);
    const ingestBig = async (): Promise<void> => {
      await using ingest = await store.content.ingest({ digest: digestOf(big), size: big.length });
      if ('exists' in ingest) return;
      for (let at = 0; at < big.length; at += 65_536) await ingest.write(big.subarray(at, at + 65_536));
      await ingest.commit();
    };
    await assert.rejects(ingestBig(), full);
    assert.deepEqual(await readdir(join(store.root, 'ingests')), [], 'its room is free again');

    const filler = join(store.root, 'filler');
    await mkdir(filler);
    for (const size of [1 << 20, 1 << 16, 1 << 12]) await fill(filler, size);
    await assert.rejects(store.content.put(randomBytes(100_000)), full);
    const { descriptor } = (await store.images.get('before')) ?? {};
    assert.ok(descriptor);
    const name = 'x'.repeat(200_000);
    await assert.rejects(store.images.set(name, descriptor), full);
    assert.deepEqual(
      (await store.images.list()).map((record) => record.name),
      ['before'],
    );
    assert.deepEqual(await fsck(store), []);
    assert.deepEqual((await collectGarbage(store)).removedBlobs, [waste], 'a full disk can be freed');
    await store.images.set('again', descriptor);

    await rm(filler, { recursive: true });
    await storeImage(store, { name: 'after' });
    assert.deepEqual(await fsck(store), []);
  });
}

/** Writes files of `size` into `folder` until there is no room for another. */
async function fill(folder: string, size: number): Promise<void> {
  for (let n = 0; ; n++) {
    const path = join(folder, `${size}-${n}`);
    try {
      await writeFile(path, Buffer.alloc(size, 1), { flush: true });
    } catch (error) {
      if (!isErrno(error, 'ENOSPC')) throw error;
      return rm(path, { force: true });
    }
  }
}
