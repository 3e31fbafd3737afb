import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Descriptor, type Digest, digestOf, hexOf, parseDescriptor } from '../oci/index.ts';
import { isErrno, randomHex } from '../std/index.ts';

const VERSION = 1;

/** What a step's result depends on: the names tell of it when a step misses, the values are what is compared. */
export type KeyParts = Readonly<Record<string, string>>;

/** What became of a step once. */
export interface StepRecord {
  readonly key: string;
  /** RFC 3339. */
  readonly created: string;
  /** Absent where the step changed no file. */
  readonly layer?: Descriptor;
  /** As the history tells it; no secret is ever part of it. */
  readonly createdBy: string;
  readonly parts: KeyParts;
}

/** A record as it lies on disk. */
export interface StoredStep extends StepRecord {
  readonly bytes: number;
  readonly lastUsed: Date;
}

/** Results of steps, shared by all processes: `build/steps/<key>`. */
export interface BuildCache {
  get(key: string): StepRecord | undefined;
  set(record: StepRecord): void;
  list(): Generator<StoredStep>;
  remove(key: string): void;
}

/** The key that `parts` have, in whatever order they are named. */
export function keyOf(parts: KeyParts): string {
  const sorted = Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1));
  return hexOf(digestOf(JSON.stringify([VERSION, sorted])));
}

export function openCache(root: string): BuildCache {
  const folder = join(root, 'build', 'steps');
  const pathOf = (key: string): string => join(folder, key);
  return {
    get(key) {
      const record = readStep(pathOf(key), key);
      if (record) touch(pathOf(key));
      return record;
    },
    set(record) {
      const aside = join(folder, `.${record.key}.tmp-${randomHex(6)}`);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      // Not synced: after a stop of the machine a record that is damaged counts as none.
      writeFileSync(aside, JSON.stringify(record), { mode: 0o600 });
      renameSync(aside, pathOf(record.key));
    },
    *list() {
      for (const name of names(folder)) {
        const record = /^[0-9a-f]{64}$/.test(name) ? readStep(pathOf(name), name) : undefined;
        const stats = record && statSync(pathOf(name), { throwIfNoEntry: false });
        if (record && stats) yield { ...record, bytes: record.layer?.size ?? 0, lastUsed: stats.mtime };
      }
    },
    remove: (key) => rmSync(pathOf(key), { force: true }),
  };
}

/** The layers that the cache holds: a collection spares them. */
export function* cachedLayers(root: string): Generator<Digest> {
  for (const { layer } of openCache(root).list()) if (layer) yield layer.digest;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** A record that was made for `key`; undefined for none, and for what says something else. */
export function readStep(path: string, key: string): StepRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as StepRecord;
    // A record is found by what it was made of: one that says otherwise is none (CVE-2024-24557).
    if (record.key !== key || keyOf(record.parts) !== key || Number.isNaN(Date.parse(record.created))) return undefined;
    return record.layer ? { ...record, layer: parseDescriptor(record.layer) } : record;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Its own time says when it was last of use. */
function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EROFS')) throw error;
  }
}
