import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, digestOf } from '../oci/index.ts';
import { forEachLimited, randomHex, syncFolder } from '../std/index.ts';
import { renameInto, touchFile } from './blob-file.ts';
import { onDisk } from './disk-error.ts';
import { ASIDE, blobPath, lockState } from './state.ts';

/** Stores documents durably. The disk is waited for once for all of them, and once for their names. */
export async function putDocuments(root: string, documents: readonly Uint8Array[]): Promise<Digest[]> {
  const named = documents.map((bytes) => ({ bytes, digest: digestOf(bytes), aside: asideIn(root) }));
  const missing: typeof named = [];
  {
    using _lock = await lockState(root, 'content', { mode: 'shared' });
    for (const one of named) if (!(await touchFile(blobPath(root, one.digest)))) missing.push(one);
  }
  if (missing.length > 0)
    await onDisk(`writing ${missing.map(({ digest }) => digest).join(', ')}`, () => write(root, missing));
  return named.map(({ digest }) => digest);
}

interface Document {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly aside: string;
}

async function write(root: string, documents: readonly Document[]): Promise<void> {
  const folders = new Set(documents.map(({ digest }) => dirname(blobPath(root, digest))));
  try {
    await forEachLimited(documents, documents.length, writeSynced);
    for (const { aside, digest } of documents) await renameInto(root, aside, digest);
    for (const folder of folders) await syncFolder(folder);
  } catch (error) {
    for (const { aside } of documents) await rm(aside, { force: true });
    throw error;
  }
}

async function writeSynced({ aside, bytes }: Document): Promise<void> {
  await using file: FileHandle = await open(aside, 'wx', 0o600);
  await file.writeFile(bytes);
  const now = new Date();
  await file.utimes(now, now); // the program's clock, as touch sets it: the file system's lags behind
  await file.sync();
}

function asideIn(root: string): string {
  return join(root, 'ingests', `${ASIDE}${randomHex(8)}`);
}
