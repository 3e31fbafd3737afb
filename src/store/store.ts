import { resolve } from 'node:path';
import { type ContentStore, openContent } from './content.ts';
import { onDisk } from './disk-error.ts';
import { prepareState } from './format.ts';
import { type ImageStore, openImages } from './images.ts';
import { type LayerRecords, openLayerRecords } from './layer-records.ts';
import { beginLease, type Lease } from './leases.ts';
import { type LockOptions, lockState } from './state.ts';

/** A state folder. It holds nothing open and keeps nothing in memory: any number of processes may have it open, and nobody closes it. */
export interface Store {
  readonly root: string;
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly layers: LayerRecords;
  /** Whoever writes or uses blobs that no image names yet holds one. */
  lease(): Promise<Lease>;
  /**
   * Holds a lock among all processes until disposed; not re-entrant. Its file stays in `locks/`, so that names are few and fixed: what has a folder
   * of its own is better locked there. `collection`, `images`, `layers`, `content` and `format` are the store's own.
   */
  lock(name: string, options?: LockOptions): Promise<Disposable>;
}

/**
 * Opens the state folder `root` and makes what is missing in it. Conflict where a newer program wrote it. Opening and reading need no
 * system calls beyond Node's.
 */
export async function openStore(root: string): Promise<Store> {
  const path = resolve(root);
  await onDisk(`opening ${path}`, () => prepareState(path));
  return {
    root: path,
    content: openContent(path),
    images: openImages(path),
    layers: openLayerRecords(path),
    lease: () => beginLease(path),
    lock: (name, options) => lockState(path, name, options),
  };
}
