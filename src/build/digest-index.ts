import { type BigIntStats, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno, randomHex } from '../std/index.ts';

/** Nanoseconds: what changed so recently may change again within the same tick of the file system's clock. */
const SETTLED = 100_000_000n;

/** Digests of files by inode, size, mtime and ctime: what has not changed is not read again. */
export interface DigestIndex {
  get(stats: BigIntStats): string | undefined;
  set(stats: BigIntStats, digest: string): void;
  /** Keeps what was asked for or set since it was opened; the rest is forgotten with what it was of. */
  save(): void;
}

/** Opens the index in `path`; it is a help, so that one that is damaged or can't be written counts as empty. */
export function openDigestIndex(path: string): DigestIndex {
  const known = read(path);
  const used = new Map<string, string>();
  let changed = false;
  return {
    get(stats) {
      const key = keyOf(stats);
      const digest = known.get(key);
      if (digest !== undefined) used.set(key, digest);
      return digest;
    },
    set(stats, digest) {
      if (stats.ctimeNs + SETTLED > BigInt(Date.now()) * 1_000_000n) return;
      used.set(keyOf(stats), digest);
      changed = true;
    },
    save() {
      if (changed) write(path, new Map([...known, ...used]));
    },
  };
}

function keyOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/** Names of what lived once; more than these are forgotten. */
const MOST = 200_000;

function read(path: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return new Map();
    throw error;
  }
  const entries = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\n', at);
    if (end < 0) break;
    const space = text.indexOf(' ', at);
    if (space > at && end - space === 65) entries.set(text.slice(at, space), text.slice(space + 1, end));
    at = end + 1;
  }
  return entries;
}

function write(path: string, entries: ReadonlyMap<string, string>): void {
  const aside = `${path}.tmp-${randomHex(6)}`;
  const kept = [...entries].slice(-MOST);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(aside, kept.map(([key, digest]) => `${key} ${digest}\n`).join(''), { mode: 0o600 });
    renameSync(aside, path);
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EROFS', 'ENOSPC')) throw error;
  }
}
