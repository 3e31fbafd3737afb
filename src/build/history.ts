import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, hexOf } from '../oci/index.ts';
import { isErrno, randomHex } from '../std/index.ts';
import type { KeyParts } from './cache.ts';

/** So many builds are remembered. */
const MOST = 100;
/** A step that reads more names than this is told to have changed, not where. */
const MOST_READS = 50_000;

/** A step of a build that was made: enough to say why the next one is not the same. */
export interface BuiltStep {
  /** `stage/number`. */
  readonly id: string;
  readonly text: string;
  readonly key: string;
  readonly cached: boolean;
  /** Why no earlier result fitted. */
  readonly why?: string;
  readonly milliseconds: number;
  readonly parts: KeyParts;
}

export interface BuildRecord {
  readonly id: string;
  /** RFC 3339. */
  readonly started: string;
  readonly milliseconds: number;
  /** Builds of one context, Dockerfile and target are compared with each other. */
  readonly subject: string;
  readonly names: readonly string[];
  readonly image?: string;
  readonly error?: string;
  readonly steps: readonly BuiltStep[];
}

/** What builds were made of: `build/history/<id>`, and the names that their steps read, `build/reads/<digest>`. */
export interface BuildHistory {
  /** Newest first. */
  list(): BuildRecord[];
  /** By the beginning of its id; `latest` is the newest. */
  find(id: string): BuildRecord | undefined;
  /** The newest of a subject. */
  latest(subject: string): BuildRecord | undefined;
  add(record: BuildRecord): void;
  /** Keeps what a step read, and gives the digest that it is kept by. */
  keepReads(lines: readonly string[]): string;
  reads(digest: string): readonly string[] | undefined;
  clear(): void;
}

export function openHistory(root: string): BuildHistory {
  const folder = join(root, 'build', 'history');
  const readsFolder = join(root, 'build', 'reads');
  const ids = (): string[] =>
    names(folder)
      .filter((name) => /^[0-9a-z]+-[0-9a-f]+$/.test(name))
      .sort()
      .reverse();
  const records = (): Iterable<BuildRecord> =>
    Iterator.from(ids())
      .map((name) => readRecord(join(folder, name)))
      .filter((record) => record !== undefined);
  const list = (): BuildRecord[] => [...records()];
  return {
    list,
    find: (id) => Iterator.from(records()).find((record) => id === 'latest' || record.id.startsWith(id)),
    latest: (subject) => Iterator.from(records()).find((record) => record.subject === subject),
    add(record) {
      write(folder, record.id, JSON.stringify(record));
      const old = ids().slice(MOST);
      for (const id of old) rmSync(join(folder, id), { force: true });
      if (old.length > 0) dropReads(readsFolder, list());
    },
    keepReads(lines) {
      const digest = readsDigest(lines);
      if (lines.length <= MOST_READS && !existsSync(join(readsFolder, digest))) {
        write(readsFolder, digest, lines.join('\n'));
      }
      return digest;
    },
    reads: (digest) => readLines(join(readsFolder, digest)),
    clear() {
      rmSync(folder, { recursive: true, force: true });
      rmSync(readsFolder, { recursive: true, force: true });
    },
  };
}

/** Ids sort by time: milliseconds in base 36, and a few digits to be alone. */
export function newBuildID(now: Date = new Date()): string {
  return `${now.getTime().toString(36).padStart(9, '0')}-${randomHex(3)}`;
}

export function readsDigest(lines: readonly string[]): string {
  return hexOf(digestOf(lines.join('\n')));
}

function dropReads(folder: string, kept: readonly BuildRecord[]): void {
  const used = new Set(kept.flatMap(({ steps }) => steps.map(({ parts }) => parts['files'] ?? '')));
  for (const name of names(folder)) if (!used.has(name)) rmSync(join(folder, name), { force: true });
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function readRecord(path: string): BuildRecord | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as BuildRecord;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function readLines(path: string): readonly string[] | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function write(folder: string, name: string, text: string): void {
  const aside = join(folder, `.${name}.tmp-${randomHex(4)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(aside, text, { mode: 0o600 });
  renameSync(aside, join(folder, name));
}
