import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '../linux/index.ts';
import { isDigest } from '../oci/index.ts';
import { checkSnapshots, listFolders, listStrays, type SnapshotFinding } from './check.ts';
import { getSnapshot, isTaken, listChildren, nameLock, placeOf, type SnapshotFolder } from './folder.ts';
import { discardDamaged, LEAVING } from './removal.ts';
import { discard, emptyTrash } from './trash.ts';

/**
 * Puts right what can be put right without the blobs: strays and damaged committed snapshots go (they are derived: unpacking makes
 * them again), the trash is emptied. Returns what remains: what the caller unpacks again, and active snapshots that are damaged,
 * which only their owner may give up (`remove`).
 */
export async function repairSnapshots(root: string): Promise<SnapshotFinding[]> {
  for (const folder of listFolders(root)) for (const name of listStrays(folder)) clearStray(folder, name);
  for (const { kind, driver, name } of checkSnapshots(root)) {
    const folder = listFolders(root).find((one) => one.driver === driver);
    if (!folder || !isDigest(name) || kind === 'no-parent') continue;
    using _ = await lockFile(nameLock(folder, name), { timeout: Number.POSITIVE_INFINITY });
    const sound = kind !== 'no-content' && getSnapshot(folder, name);
    if (!sound && isTaken(folder, name)) discardDamaged(folder, name);
  }
  await emptyTrash(root).catch(() => {}); // what resists is found again below
  return checkSnapshots(root);
}

/** A removal that was killed between hiding the snapshot and looking for children takes it back if it has some. */
function clearStray(folder: SnapshotFolder, stray: string): void {
  const name = stray.startsWith(LEAVING) ? stray.slice(LEAVING.length + 9) : '';
  if (isDigest(name) && !isTaken(folder, name) && listChildren(folder, name).length > 0) {
    renameSync(join(folder.path, stray), placeOf(folder, name));
  } else {
    discard(folder.root, join(folder.path, stray));
  }
}
