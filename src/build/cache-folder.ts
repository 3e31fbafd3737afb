import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { algorithmOf, type Descriptor, hexOf } from '../oci/index.ts';
import { EngineError, isErrno, randomHex } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import { openCache, readStep } from './cache.ts';

/** Writes what the steps `keys` made into a folder, for builds elsewhere: `steps/<key>`, `blobs/<algorithm>/<digits>`. */
export async function exportCache(root: string, store: Store, folder: string, keys: Iterable<string>): Promise<void> {
  const cache = openCache(root);
  mkdirSync(join(folder, 'steps'), { recursive: true });
  for (const key of keys) {
    const record = cache.get(key);
    if (!record) continue; // pruned meanwhile
    if (record.layer) await writeBlob(store, folder, record.layer);
    writeFileSync(join(folder, 'steps', key), JSON.stringify(record));
  }
}

/**
 * Takes in what a folder has and this state has not. Every layer is hashed on its way, and a record counts only for the key that it was made
 * of; that its layer is what the step makes is the word of whoever wrote the folder.
 */
export async function importCache(root: string, store: Store, folder: string, signal: AbortSignal): Promise<void> {
  const cache = openCache(root);
  for (const key of stepsIn(folder)) {
    signal.throwIfAborted();
    if (!/^[0-9a-f]{64}$/.test(key) || cache.get(key)) continue;
    const record = readStep(join(folder, 'steps', key), key);
    if (!record || (record.layer && !(await takeBlob(store, folder, record.layer)))) continue;
    cache.set(record);
  }
}

function stepsIn(folder: string): string[] {
  try {
    return readdirSync(join(folder, 'steps'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []; // the first build of all has none
    throw new EngineError('InvalidArgument', `${folder} is no folder of a build cache`, { cause: error });
  }
}

async function writeBlob(store: Store, folder: string, { digest }: Descriptor): Promise<void> {
  const path = blobIn(folder, digest);
  if (existsSync(path)) return;
  const aside = `${path}.tmp-${randomHex(6)}`;
  mkdirSync(join(path, '..'), { recursive: true });
  await pipeline(store.content.stream(digest), createWriteStream(aside, { flags: 'wx' }));
  renameSync(aside, path);
}

/** Whether the layer is here now. */
async function takeBlob(store: Store, folder: string, { digest, size }: Descriptor): Promise<boolean> {
  const path = blobIn(folder, digest);
  if (!existsSync(path)) return false;
  const opened = await store.content.ingest({ digest, size });
  if ('exists' in opened) return true;
  await using ingest = opened;
  for await (const chunk of createReadStream(path, { start: ingest.offset, highWaterMark: 1 << 20 }))
    await ingest.write(chunk);
  await ingest.commit();
  return true;
}

function blobIn(folder: string, digest: Descriptor['digest']): string {
  return join(folder, 'blobs', algorithmOf(digest), hexOf(digest));
}
