import { type BigIntStats, closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs';
import { readXattrs } from '../linux/index.ts';
import { decodeName, fsPath } from '../std/index.ts';
import { keptXattrs, sameXattrs } from './xattrs.ts';

const SECOND = 1_000_000_000n;
const CHUNK = 1 << 18;

/** One name on disk: where it can be read now, and what lstat(2) said. */
export interface Node {
  readonly path: string;
  readonly stats: BigIntStats;
}

export interface CompareOptions {
  /**
   * Nanoseconds since 1970, by the file system's clock: when the upper tree was copied from the lower one. What has not changed since (by
   * ctime, which nothing can set) keeps its content, whatever the precision of its mtime.
   */
  readonly copiedAt?: bigint;
}

/** Whether two names of one kind are the same in all that a layer records, times of directories included. */
export function sameNode(lower: Node, upper: Node, options: CompareOptions = {}): boolean {
  const [a, b] = [lower.stats, upper.stats];
  if (a.dev === b.dev && a.ino === b.ino) return true;
  if (!sameOwner(a, b) || a.mtimeNs !== b.mtimeNs || a.rdev !== b.rdev) return false;
  if (!b.isDirectory() && (a.nlink !== b.nlink || a.size !== b.size)) return false;
  if (b.isSymbolicLink() && linkText(lower.path) !== linkText(upper.path)) return false;
  if (!sameAttributes(lower.path, upper.path)) return false;
  return !b.isFile() || b.size === 0n || unread(b, options) || sameContent(lower.path, upper.path);
}

/** Whether owner, kind and permissions agree. */
export function sameOwner(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

export function sameAttributes(a: string, b: string): boolean {
  return sameXattrs(keptXattrs(readXattrs(a)), keptXattrs(readXattrs(b)));
}

export function linkText(path: string): string {
  return decodeName(readlinkSync(fsPath(path), { encoding: 'buffer' }));
}

/**
 * Equal size and mtime mean equal content, as docker has it, only where the mtime has a fraction: files out of archives and of reproducible
 * builds carry whole seconds, often one and the same, and a rewritten file of the same size would be lost. Those are read.
 */
function unread(upper: BigIntStats, { copiedAt }: CompareOptions): boolean {
  return upper.mtimeNs % SECOND !== 0n || (copiedAt !== undefined && upper.ctimeNs <= copiedAt);
}

function sameContent(a: string, b: string): boolean {
  const [left, right] = [openToRead(a), openToRead(b)];
  try {
    const [one, two] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
    for (;;) {
      const length = readSync(left, one);
      let got = 0;
      while (got < length) {
        const more = readSync(right, two, got, length - got, null);
        if (more === 0) return false;
        got += more;
      }
      if (length === 0) return readSync(right, two, 0, 1, null) === 0;
      if (one.compare(two, 0, length, 0, length) !== 0) return false;
    }
  } finally {
    closeSync(left);
    closeSync(right);
  }
}

function openToRead(path: string): number {
  return openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}
