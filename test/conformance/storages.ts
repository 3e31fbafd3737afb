import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  memoryRegistryStorage,
  openRegistryStorage,
  type RegistryOptions,
  type RegistryStorage,
  type RunningRegistry,
  startRegistry as start,
} from '../../src/registry/index.ts';

/** One way to keep a registry's content; every workflow of the specification has to hold over each. */
export interface StorageUnderTest {
  readonly name: string;
  /** As {@link start}, on a fresh storage of this kind that goes with the registry. */
  startRegistry(options?: RegistryOptions): Promise<RunningRegistry>;
}

export const storages: readonly StorageUnderTest[] = [
  storage('files and SQLite', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'overstrata-conformance-'));
    return endingWith(await openRegistryStorage(folder), () => rm(folder, { recursive: true, force: true }));
  }),
  storage('memory', async () => memoryRegistryStorage()),
];

function storage(name: string, open: () => Promise<RegistryStorage>): StorageUnderTest {
  return {
    name,
    startRegistry: async (options) => await start({ ...options, storage: await open() }),
  };
}

function endingWith(inner: RegistryStorage, last: () => Promise<void>): RegistryStorage {
  return {
    ...inner,
    async [Symbol.asyncDispose]() {
      await inner[Symbol.asyncDispose]();
      await last();
    },
  };
}
