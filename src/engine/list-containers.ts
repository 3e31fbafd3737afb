import { type Container, listContainers } from '../runtime/index.ts';
import { isErrno } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { reap } from './lifecycle.ts';

export interface ListedContainer extends Container {
  /** Bytes that are its own; only where they were asked for. */
  readonly bytes?: number;
}

/** Every container, newest first. `size` measures what each changed. */
export async function listAllContainers(
  engine: Engine,
  { size = false }: { size?: boolean } = {},
): Promise<ListedContainer[]> {
  try {
    await reap(engine);
  } catch (error) {
    // What ended is listed as ended all the same: on a full disk above all one must see what there is to remove.
    if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES')) throw error;
  }
  const containers = await listContainers(engine.root);
  if (!size) return containers;
  const snapshots = await engine.snapshots();
  return Promise.all(
    containers.map(async (container) => ({
      ...container,
      bytes: (await snapshots.usage(container.snapshot).catch(() => ({ bytes: 0 }))).bytes,
    })),
  );
}
