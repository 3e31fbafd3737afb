import type { Snapshotter } from '../snapshot/index.ts';
import { openStore, type Store } from '../store/index.ts';
import { defaultRoot, type EngineOptions } from './options.ts';
import type { Registries } from './registries.ts';

/** The state of one root, and what works on it. Any number of engines share a root, in any number of processes. */
export interface Engine extends AsyncDisposable {
  readonly root: string;
  readonly options: EngineOptions;
  readonly store: Store;
  /** Opened at the first call: reading images needs none. A container keeps the driver that it was made with: `driver` names another than the engine's. */
  snapshots(driver?: string): Promise<Snapshotter>;
  /** Opened at the first call: what stays on this machine needs none. */
  registries(): Promise<Registries>;
}

export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const root = options.root ?? defaultRoot();
  const store = await openStore(root);
  const snapshotters = new Map<string | undefined, Promise<Snapshotter>>();
  let registries: Promise<Registries> | undefined;
  return {
    root,
    options,
    store,
    snapshots(driver = options.driver) {
      const opened = snapshotters.get(driver) ?? openDriver(root, driver);
      snapshotters.set(driver, opened);
      return opened;
    },
    registries() {
      registries ??= import('./registries.ts').then(({ Registries }) => Registries.open({ ...options, root }));
      return registries;
    },
    async [Symbol.asyncDispose]() {
      await (await registries)?.[Symbol.asyncDispose]();
      for (const opened of snapshotters.values()) await (await opened.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}

async function openDriver(root: string, driver: string | undefined): Promise<Snapshotter> {
  const { openSnapshotter } = await import('../snapshot/index.ts');
  return openSnapshotter({ root, ...(driver !== undefined && { driver }) });
}
