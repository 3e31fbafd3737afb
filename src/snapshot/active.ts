import { renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockFile, unmount } from '../linux/index.ts';
import { type Digest, parseDigest } from '../oci/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import type { Driver } from './driver.ts';
import { bootID, getSnapshot, isTaken, nameLock, placeOf, type Snapshot, type SnapshotFolder } from './folder.ts';
import { claimMount, lockPathOf, mounted } from './mount-lock.ts';
import { clearMounts } from './mount-table.ts';
import { writeRecord } from './record.ts';
import { discardDamaged } from './removal.ts';
import type { ActiveSnapshot } from './snapshotter.ts';
import { announce } from './waiting.ts';

/** The handle of an active snapshot or a view; it knows nothing that is not on disk. */
export function activeSnapshot(folder: SnapshotFolder, driver: Driver, snapshot: Snapshot): ActiveSnapshot {
  const { name: key, record } = snapshot;
  const [parent] = record.chain;
  const kind = record.view ? 'view' : 'active';
  return {
    key,
    kind,
    ...(parent && { parent }),
    lockPath: lockPathOf(snapshot),
    get mounts() {
      requireParent(folder, snapshot);
      return driver.mounts(snapshot);
    },
    async mount(target) {
      requireParent(folder, snapshot);
      const claim = claimMount(snapshot);
      try {
        clearMounts(driver.leftovers(snapshot.path), key);
        driver.mount(snapshot, target);
      } catch (error) {
        claim[Symbol.dispose]();
        throw error;
      }
      return {
        async [Symbol.asyncDispose]() {
          await detach(target, key);
          claim[Symbol.dispose]();
        },
      };
    },
    changes: () => driver.changes(snapshot),
    async commit(name) {
      if (kind === 'view') throw new EngineError('Conflict', `${key} is a view: it holds nothing to commit`);
      await commit(folder, driver, snapshot, name);
    },
  };
}

/**
 * The rename is the commit: before it the snapshot is active, with a record that only then means something; after it it is
 * committed, with a work folder too many. A kill leaves the one or the other.
 */
async function commit(folder: SnapshotFolder, driver: Driver, snapshot: Snapshot, name: Digest): Promise<void> {
  const place = placeOf(folder, parseDigest(name));
  using _claim = claimMount(snapshot);
  // Who unpacks or removes this very name is let finish: what `publishing` makes must not be taken away behind us.
  using _turn = await lockFile(nameLock(folder, name), { timeout: Number.POSITIVE_INFINITY });
  clearMounts(driver.leftovers(snapshot.path), snapshot.name);
  if (getSnapshot(folder, name)) throw taken(name);
  if (isTaken(folder, name)) discardDamaged(folder, name);
  const { chain, created } = snapshot.record;
  writeRecord(snapshot.path, { chain, created, boot: bootID(), synced: false });
  driver.publishing(name);
  try {
    renameSync(snapshot.path, place);
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw taken(name, error);
    throw error;
  }
  announce(place);
  driver.settled(place);
  rmSync(lockPathOf({ ...snapshot, path: place }), { force: true });
}

function taken(name: Digest, cause?: unknown): EngineError {
  return new EngineError('AlreadyExists', `snapshot ${name} exists already`, { cause });
}

function requireParent(folder: SnapshotFolder, { name, record }: Snapshot): void {
  const [parent] = record.chain;
  if (!parent || getSnapshot(folder, parent)) return;
  throw new EngineError(
    'Unavailable',
    `the layers below snapshot ${name} are gone or not safe since the machine stopped: unpack ${parent} again`,
    { details: { parent } },
  );
}

/** Unmounts, waiting a little for programs that are just ending. */
async function detach(target: string, key: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return unmount(target);
    } catch (error) {
      if (isErrno(error, 'EINVAL', 'ENOENT')) return; // unmounted by somebody else
      if (!isErrno(error, 'EBUSY')) throw error;
      if (attempt === 20)
        throw new EngineError('Conflict', `${target} is busy: ${mounted(key).message}`, { cause: error });
      await sleep(10 * attempt);
    }
  }
}
