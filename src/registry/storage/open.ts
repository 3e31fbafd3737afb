import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EngineError } from '../../std/index.ts';
import type { BlobStorage } from './blobs.ts';
import { fileBlobs } from './file-blobs.ts';
import { memoryBlobs } from './memory-blobs.ts';
import type { NameStorage } from './names.ts';
import { tryProcessLock } from './process-lock.ts';
import { sqliteNames } from './sqlite-names.ts';

const NAMES = 'names.sqlite';

/** What a registry keeps its content in. */
export interface RegistryStorage extends AsyncDisposable {
  readonly blobs: BlobStorage;
  readonly names: NameStorage;
}

/**
 * Files and SQLite below `folder`, which is made where it is missing; without `create`, NotFound is thrown. One process at a time: throws
 * Conflict for a second.
 */
export async function openRegistryStorage(
  folder: string,
  { create = true }: { create?: boolean } = {},
): Promise<RegistryStorage> {
  const root = resolve(folder);
  if (!create && !existsSync(join(root, NAMES))) throw new EngineError('NotFound', `${root} holds no registry`);
  await mkdir(root, { recursive: true, mode: 0o700 });
  const lock = tryProcessLock(join(root, 'lock'));
  if (!lock) throw new EngineError('Conflict', `another registry serves ${root}; stop it or choose another folder`);
  try {
    const blobs = await fileBlobs(root);
    return together(blobs, sqliteNames(join(root, NAMES)), () => lock[Symbol.dispose]());
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** Gone when it is disposed: names in memory, blobs in a temporary folder. */
export async function temporaryRegistryStorage(): Promise<RegistryStorage> {
  const folder = await mkdtemp(join(tmpdir(), 'overstrata-registry-'));
  const blobs = await fileBlobs(folder, { durable: false });
  return together(blobs, sqliteNames(':memory:'), () => rm(folder, { recursive: true, force: true }));
}

/** In memory alone: for tests, and gone when it is disposed. */
export function memoryRegistryStorage(): RegistryStorage {
  return together(memoryBlobs(), sqliteNames(':memory:'), () => {});
}

function together(blobs: BlobStorage, names: NameStorage, release: () => void | Promise<void>): RegistryStorage {
  return {
    blobs,
    names,
    async [Symbol.asyncDispose]() {
      await blobs[Symbol.asyncDispose]();
      await names[Symbol.asyncDispose]();
      await release();
    },
  };
}
