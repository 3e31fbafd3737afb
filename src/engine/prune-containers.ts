import { type Container, isActive, isStarting, listContainers, removeContainer } from '../runtime/index.ts';
import { hasCode } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { reap } from './lifecycle.ts';
import { removeSnapshot } from './remove-container.ts';

export interface Pruned {
  readonly deleted: readonly string[];
  readonly bytes: number;
}

/** Removes every container that does not run, and the writable layers that killed commands left without one. */
export async function pruneContainers(
  engine: Engine,
  { filter = () => true, signal }: { filter?(container: Container): boolean; signal?: AbortSignal } = {},
): Promise<Pruned> {
  const snapshots = await engine.snapshots();
  await reap(engine);
  const deleted: string[] = [];
  let bytes = 0;
  for (const container of await listContainers(engine.root)) {
    signal?.throwIfAborted();
    if (isActive(container) || isStarting(container.state) || container.state.status === 'restarting') continue;
    if (!filter(container)) continue;
    const usage = await snapshots.usage(container.snapshot).catch(() => ({ bytes: 0 }));
    try {
      await removeContainer(engine.root, container);
    } catch (error) {
      if (hasCode(error, 'Conflict')) continue; // started meanwhile
      throw error;
    }
    await removeSnapshot(engine, container);
    bytes += usage.bytes;
    deleted.push(container.id);
  }
  await removeOrphans(engine);
  return { deleted, bytes };
}

/** Writable layers without a container: their command was killed between the two. */
async function removeOrphans(engine: Engine): Promise<void> {
  const snapshots = await engine.snapshots();
  const found: string[] = [];
  for await (const { name, kind, created } of snapshots.walk()) {
    if (kind === 'active' && CONTAINER_KEY.test(name) && Date.now() - created.getTime() > GRACE) found.push(name);
  }
  const owned = new Set((await listContainers(engine.root)).map(({ snapshot }) => snapshot)); // after the walk: a record comes before its snapshot
  for (const name of found) if (!owned.has(name)) await snapshots.remove(name).catch(() => {}); // mounted: its container is ending just now
}

/** A container's snapshot has its id for a key. */
const CONTAINER_KEY = /^[0-9a-f]{64}$/;
/** Milliseconds in which a container that goes may still have its snapshot. */
const GRACE = 60_000;
