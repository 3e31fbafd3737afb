import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, isDigest } from '../oci/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import { readRecord, type SnapshotRecord } from './record.ts';

/**
 * Where one driver keeps its snapshots, `snapshots/<driver>/` in the state folder. A snapshot is a folder there under its own name;
 * names led by a dot are machinery, which no key and no digest can be.
 */
export interface SnapshotFolder {
  /** The state folder. */
  readonly root: string;
  readonly driver: string;
  readonly path: string;
}

/** A snapshot as it lies on disk. */
export interface Snapshot {
  readonly name: string;
  readonly path: string;
  readonly record: SnapshotRecord;
}

// Mode 0700: set-user-ID programs of images must be out of reach for the machine's users (CVE-2021-41091).
export function openFolder(root: string, driver: string): SnapshotFolder {
  const path = join(root, 'snapshots', driver);
  mkdirSync(join(path, '.locks'), { recursive: true, mode: 0o700 });
  return { root, driver, path };
}

const KEY = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}$/;

/** Throws InvalidArgument where `key` can't name an active snapshot or a view. */
export function requireKey(key: string): void {
  if (KEY.test(key)) return;
  throw new EngineError(
    'InvalidArgument',
    `invalid snapshot key ${JSON.stringify(key)}: use up to 200 letters, digits, "_", "." and "-", the first no dot`,
  );
}

/** The folder of a snapshot: digests and keys are names as they stand, since no key holds a colon. */
export function placeOf(folder: SnapshotFolder, name: Digest | string): string {
  if (!isDigest(name)) requireKey(name);
  return join(folder.path, name);
}

/** The lock file that whoever unpacks or removes a committed snapshot holds. */
export function nameLock(folder: SnapshotFolder, name: Digest): string {
  return join(folder.path, '.locks', name);
}

/** The snapshot of that name, unless it is a committed one that a stop of the machine may have damaged. */
export function getSnapshot(folder: SnapshotFolder, name: Digest | string): Snapshot | undefined {
  const path = placeOf(folder, name);
  const record = readRecord(path);
  if (!record || (isDigest(name) && !isSafe(record))) return undefined;
  return { name, path, record };
}

/** {@link getSnapshot}, or NotFound. */
export function requireSnapshot(folder: SnapshotFolder, name: Digest | string): Snapshot {
  const found = getSnapshot(folder, name);
  if (!found) throw new EngineError('NotFound', `no snapshot ${name} of driver ${folder.driver}`);
  return found;
}

/** Whether a folder of that name is there, sound or not. */
export function isTaken(folder: SnapshotFolder, name: Digest | string): boolean {
  return lstatSync(placeOf(folder, name), { throwIfNoEntry: false }) !== undefined;
}

/** Whether a committed snapshot's content can be trusted: it reached the disk, or the machine has not stopped since. */
export function isSafe(record: SnapshotRecord): boolean {
  return record.synced === true || record.boot === bootID();
}

/** Names of all snapshots, sound or not. */
export function listNames(folder: SnapshotFolder): string[] {
  return readdirSync(folder.path).filter((name) => isDigest(name) || KEY.test(name));
}

/** Names of the snapshots that stand directly on `parent`. */
export function listChildren(folder: SnapshotFolder, parent: Digest): string[] {
  for (;;) {
    const children: string[] = [];
    let moved = false;
    for (const name of listNames(folder)) {
      const record = readParent(folder, name);
      if (record === undefined) moved ||= !isTaken(folder, name);
      else if (record === parent) children.push(name);
    }
    // A name that went while we read may be one that a commit renamed behind our back: look again.
    if (!moved) return children;
  }
}

/** What was read before of a record, by its path: valid as long as the file is the same. */
const parents = new Map<string, { inode: bigint; changed: bigint; parent: string }>();

/** The parent of a snapshot ('' for none), remembered between calls: removing a thousand layers asks a million times. */
function readParent(folder: SnapshotFolder, name: string): string | undefined {
  const path = join(folder.path, name);
  const file = lstatSync(join(path, 'record.json'), { bigint: true, throwIfNoEntry: false });
  if (!file) return undefined;
  const known = parents.get(path);
  if (known && known.inode === file.ino && known.changed === file.ctimeNs) return known.parent;
  const record = readRecord(path);
  if (!record) return undefined;
  const parent = record.chain[0] ?? '';
  if (parents.size > 10_000) parents.clear();
  parents.set(path, { inode: file.ino, changed: file.ctimeNs, parent });
  return parent;
}

let boot: string | undefined;

/** Names this run of the machine: what was written in another one and never synced may be torn. */
export function bootID(): string {
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    boot = 'unknown'; // no Linux
  }
  return boot;
}
