import type { Snapshotter } from '../snapshot/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { defaultRoot, type EngineOptions } from './options.ts';
import type { Registries } from './registries.ts';

/** The state of one root, and what works on it. Any number of engines share a root, in any number of processes. */
export interface Engine extends AsyncDisposable {
  readonly root: string;
  readonly options: EngineOptions;
  readonly store: Store;
  /** Opened at the first call: reading images needs none. */
  snapshots(): Promise<Snapshotter>;
  /** Opened at the first call: what stays on this machine needs none. */
  registries(): Promise<Registries>;
}

export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const root = options.root ?? defaultRoot();
  const store = await openStore(root);
  let snapshotter: Promise<Snapshotter> | undefined;
  let registries: Promise<Registries> | undefined;
  return {
    root,
    options,
    store,
    snapshots() {
      snapshotter ??= import('../snapshot/index.ts').then(({ openSnapshotter }) =>
        openSnapshotter({ root, ...(options.driver !== undefined && { driver: options.driver }) }),
      );
      return snapshotter;
    },
    registries() {
      registries ??= import('./registries.ts').then(({ Registries }) => Registries.open({ ...options, root }));
      return registries;
    },
    async [Symbol.asyncDispose]() {
      await (await registries)?.[Symbol.asyncDispose]();
      await (await snapshotter?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}
