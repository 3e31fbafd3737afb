import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '../linux/index.ts';
import type { Digest } from '../oci/index.ts';
import { EngineError, isErrno, randomHex } from '../std/index.ts';
import type { Driver } from './driver.ts';
import { isTaken, listChildren, nameLock, placeOf, type SnapshotFolder } from './folder.ts';
import { isLocked, mounted } from './mount-lock.ts';
import { clearMounts } from './mount-table.ts';
import { discard } from './trash.ts';

/** Leads the name of what is being removed: random part, snapshot's name. */
export const LEAVING = '.gone-';

/** Removes a committed snapshot: Conflict while others stand on it. */
export async function removeCommitted(folder: SnapshotFolder, driver: Driver, name: Digest): Promise<void> {
  if (!isTaken(folder, name)) return;
  // Nobody remakes it before `removed` is through. The lock file stays: another process may just be waiting for this very one.
  using _ = await lockFile(nameLock(folder, name), { timeout: Number.POSITIVE_INFINITY });
  takeAway(folder, name, () => {
    const children = listChildren(folder, name);
    if (children.length === 0) return undefined;
    const others = children.length > 1 ? ` and ${children.length - 1} more` : '';
    return new EngineError('Conflict', `snapshot ${name} has children: ${children[0]}${others}`, {
      details: { children },
    });
  });
  driver.removed(name);
}

/** Removes an active snapshot or a view: Conflict while it is mounted. Takes no lock: every short run passes here, by `idle`, for even to look at
 * /proc/locks waits for the kernel's other processors. */
export function removeActive(
  folder: SnapshotFolder,
  driver: Driver,
  key: string,
  { idle = false }: { idle?: boolean } = {},
): void {
  if (idle) {
    takeAway(folder, key, () => undefined);
    return;
  }
  const lock = join(placeOf(folder, key), 'lock');
  if (isLocked(lock)) throw mounted(key);
  clearMounts(driver.leftovers(placeOf(folder, key)), key);
  takeAway(folder, key, (place) => (isLocked(join(place, 'lock')) ? mounted(key) : undefined));
}

/** Takes away what a stop of the machine may have damaged, so that it can be made again. Its children stay: they find the new one. */
export function discardDamaged(folder: SnapshotFolder, name: Digest): void {
  discard(folder.root, placeOf(folder, name));
}

/**
 * Hides the snapshot, then looks again whether somebody uses it; whoever begins to use one shows that first and looks then whether
 * the snapshot is there. So one of the two sees the other, without a lock between them.
 */
function takeAway(
  folder: SnapshotFolder,
  name: Digest | string,
  used: (place: string) => EngineError | undefined,
): void {
  const place = placeOf(folder, name);
  const before = used(place);
  if (before) throw before;
  const hidden = join(folder.path, `${LEAVING}${randomHex(4)}-${name}`);
  try {
    renameSync(place, hidden);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    throw error;
  }
  const after = used(hidden);
  if (after) {
    renameSync(hidden, place);
    throw after;
  }
  discard(folder.root, hidden);
}
