import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, isDigest } from '../oci/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import { activeSnapshot } from './active.ts';
import type { Driver } from './driver.ts';
import { amendRecord, syncSnapshots } from './durability.ts';
import {
  bootID,
  getSnapshot,
  isTaken,
  listNames,
  nameLock,
  placeOf,
  requireKey,
  requireSnapshot,
  type Snapshot,
  type SnapshotFolder,
} from './folder.ts';
import { syncRecord, writeRecord } from './record.ts';
import { discardDamaged, removeActive, removeCommitted } from './removal.ts';
import type { ActiveSnapshot, LayerInput, SnapshotInfo, Snapshotter } from './snapshotter.ts';
import { stage, stageHeld } from './staging.ts';
import { emptyTrash, trashEmptied } from './trash.ts';
import { waitTurn } from './turn.ts';
import { announce, waitFor } from './waiting.ts';

/**
 * A Snapshotter from what is particular to a driver. What every short run needs (`prepare`, `open`, `mounts`, `stat`, `has`,
 * `remove` of an active one) takes no lock and loads no native code: making is a rename of a whole folder onto a free name,
 * removing a rename away, and the kernel decides who was first.
 */
export function snapshotterOf(folder: SnapshotFolder, driver: Driver): Snapshotter {
  const make = async (
    key: string,
    parent: Digest | undefined,
    { view = false, volatile = false },
  ): Promise<ActiveSnapshot> => {
    requireKey(key);
    if (isTaken(folder, key)) throw new EngineError('AlreadyExists', `snapshot ${key} exists already`);
    const chain = parent ? chainOn(requireSnapshot(folder, parent)) : [];
    await using staging = stage(folder);
    await onParent(folder, parent, driver.prepare(staging.path, chain, { view, volatile }));
    writeFileSync(join(staging.path, 'lock'), '', { mode: 0o600 });
    writeRecord(staging.path, {
      chain,
      created: new Date().toISOString(),
      ...(view && { view }),
      ...(volatile && { volatile }),
    });
    staging.publish(key, parent);
    if (!view && !volatile) await syncRecord(placeOf(folder, key), folder.path);
    return activeSnapshot(folder, driver, requireSnapshot(folder, key));
  };

  return {
    driver: driver.name,
    unpack: (name, layer) => unpack(folder, driver, name, layer),
    async has(name) {
      return getSnapshot(folder, name) !== undefined;
    },
    prepare: (key, parent, { volatile = false } = {}) => make(key, parent, { volatile }),
    view: (key, parent) => make(key, parent, { view: true }),
    async open(key) {
      requireKey(key);
      return activeSnapshot(folder, driver, requireSnapshot(folder, key));
    },
    async stat(name) {
      const found = getSnapshot(folder, name);
      return found && infoOf(found);
    },
    async usage(name) {
      const snapshot = requireSnapshot(folder, name);
      if (snapshot.record.usage) return snapshot.record.usage;
      const usage = await driver.usage(snapshot);
      if (isDigest(name)) await amendRecord(folder, name, (record) => ({ ...record, usage }));
      return usage;
    },
    async *walk() {
      for (const name of listNames(folder)) {
        const found = getSnapshot(folder, name);
        if (found) yield infoOf(found);
      }
    },
    async remove(name, options) {
      if (isDigest(name)) await removeCommitted(folder, driver, name);
      else removeActive(folder, driver, name, options);
    },
    sync: () => syncSnapshots(folder),
    [Symbol.asyncDispose]: trashEmptied,
  };
}

async function unpack(folder: SnapshotFolder, driver: Driver, name: Digest, layer: LayerInput): Promise<void> {
  const { parent, signal } = layer;
  signal?.throwIfAborted();
  if (getSnapshot(folder, name)) return;
  using _ = await waitTurn(nameLock(folder, name), signal);
  if (getSnapshot(folder, name)) return; // the one before us made it
  if (isTaken(folder, name)) discardDamaged(folder, name);
  emptyTrash(folder.root).catch(() => {}); // what somebody was killed over; what resists is for `checkSnapshots`
  const chain = async (): Promise<readonly Digest[]> => (parent ? chainOn(await waitFor(folder, parent, signal)) : []);
  await using staging = stageHeld(folder);
  const { bottom } = await onParent(folder, parent, driver.unpack({ place: staging.path, layer, chain }));
  signal?.throwIfAborted();
  writeRecord(staging.path, {
    chain: await chain(),
    created: new Date().toISOString(),
    boot: bootID(),
    synced: false,
    diffID: layer.diffID,
    ...(bottom && { bottom }),
  });
  driver.publishing(name);
  staging.publish(name, parent);
  announce(placeOf(folder, name));
}

/** Tells a failure of `work` as what it is where the parent was removed under it: files that went while they were read. */
async function onParent<T>(folder: SnapshotFolder, parent: Digest | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!parent || !isErrno(error, 'ENOENT') || getSnapshot(folder, parent)) throw error;
    throw new EngineError('NotFound', `the parent ${parent} was removed`, { cause: error });
  }
}

/** The chain of what stands on a committed snapshot. */
function chainOn({ name, record }: Snapshot): readonly Digest[] {
  return record.bottom ? [name as Digest] : [name as Digest, ...record.chain];
}

function infoOf({ name, record }: Snapshot): SnapshotInfo {
  return {
    name,
    kind: isDigest(name) ? 'committed' : record.view ? 'view' : 'active',
    ...(record.chain[0] && { parent: record.chain[0] }),
    created: new Date(record.created),
  };
}
