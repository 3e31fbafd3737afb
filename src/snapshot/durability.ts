import { lockFile } from '../linux/index.ts';
import { type Digest, isDigest } from '../oci/index.ts';
import { runChore } from './chores.ts';
import { bootID, getSnapshot, listNames, nameLock, placeOf, type SnapshotFolder } from './folder.ts';
import { readRecord, type SnapshotRecord, writeRecord } from './record.ts';

/** One syncfs for everything that this boot made and nobody synced, and then the word of it in the records. */
export async function syncSnapshots(folder: SnapshotFolder): Promise<void> {
  const unsynced = listNames(folder)
    .filter((name) => isDigest(name))
    .filter((name) => {
      const record = getSnapshot(folder, name)?.record;
      return record?.synced === false;
    });
  if (unsynced.length === 0) return;
  await runChore({ kind: 'sync', path: folder.path });
  for (const name of unsynced) {
    await amendRecord(folder, name, (record) => (record.boot === bootID() ? { ...record, synced: true } : record));
  }
}

/** Rewrites the record of a committed snapshot, one writer at a time. It was safe before and a lost amendment is made again: no fsync. */
export async function amendRecord(
  folder: SnapshotFolder,
  name: Digest,
  amend: (record: SnapshotRecord) => SnapshotRecord,
): Promise<void> {
  using _ = await lockFile(nameLock(folder, name), { timeout: Number.POSITIVE_INFINITY });
  const place = placeOf(folder, name);
  const record = readRecord(place);
  if (record) writeRecord(place, amend(record));
}
