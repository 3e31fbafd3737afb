import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, isDigest } from '../oci/index.ts';
import { isErrno, syncFolder } from '../std/index.ts';
import type { SnapshotUsage } from './snapshotter.ts';

const FILE = 'record.json';

/** What is known of a snapshot beside its content; `record.json` in its folder. Its kind is told by its name: a digest is committed. */
export interface SnapshotRecord {
  /** What it stands on, the parent first, as far down as anything shows. Whole, so that a deep stack is opened by reading one file. */
  readonly chain: readonly Digest[];
  /** Of a committed one whose root is opaque: nothing below it shows. */
  readonly bottom?: true;
  /** ISO 8601. */
  readonly created: string;
  readonly view?: true;
  /** Nobody waited for the disk when it was made, nor does its mount. */
  readonly volatile?: true;
  /** Of a committed one: the boot that made it, and whether it reached the disk since. */
  readonly boot?: string;
  readonly synced?: boolean;
  readonly diffID?: Digest;
  /** Of a committed one, when it was first asked for. */
  readonly usage?: SnapshotUsage;
}

/**
 * Undefined where there is no record or no whole one: it is written before its snapshot gets its name, so a torn one was torn by a
 * stop of the machine. Synchronous on purpose: a file of this size costs 10 µs so, and 100 through the thread pool.
 */
export function readRecord(place: string): SnapshotRecord | undefined {
  let text: string;
  try {
    text = readFileSync(join(place, FILE), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const record = JSON.parse(text) as SnapshotRecord;
    const whole = Array.isArray(record.chain) && record.chain.every(isDigest) && typeof record.created === 'string';
    return whole ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the record aside and renames it, without waiting for the disk. */
export function writeRecord(place: string, record: SnapshotRecord): void {
  const aside = join(place, `.${FILE}.${process.pid}`);
  writeFileSync(aside, JSON.stringify(record), { mode: 0o600 });
  renameSync(aside, join(place, FILE));
}

/**
 * Makes a snapshot's record and name durable. The journal of every file system that can hold an overlay commits in order, so the
 * fsync of the record takes the folders made before it along.
 */
export async function syncRecord(place: string, folder: string): Promise<void> {
  const file = await open(join(place, FILE), 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(folder);
}
