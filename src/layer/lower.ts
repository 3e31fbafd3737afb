import { type BigIntStats, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { getXattr } from '../linux/index.ts';
import { fsPath } from '../std/index.ts';
import type { Lower } from './metadata.ts';
import { parentOf } from './names.ts';

/** Both spellings of overlayfs' attributes: `trusted` needs privilege, `user` is for mounts with `userxattr`. */
const PREFIXES = ['trusted.overlay.', 'user.overlay.'] as const;

/** What a stack of layer directories shows at a name. */
export interface LowerName {
  readonly path: string;
  readonly stats: BigIntStats;
  /** Where `path` is a directory: all directories that merge there, newest first. */
  readonly directories: readonly string[];
}

/** One name in merging directories, newest first, as overlayfs looks it up: whiteouts and opaque directories end the search. */
export function lookUp(directories: readonly string[], name: string): LowerName | undefined {
  let found: { path: string; stats: BigIntStats; directories: string[] } | undefined;
  for (const directory of directories) {
    const path = join(directory, name);
    const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
    if (!stats) continue;
    if (isWhiteout(path, stats)) return found;
    if (!stats.isDirectory()) return found ?? { path, stats, directories: [] };
    found ??= { path, stats, directories: [] };
    found.directories.push(path);
    if (isOpaque(path)) return found;
  }
  return found;
}

/** Real paths in a stack of layer directories in form `overlay`, newest first. No symbolic link is followed below them. */
export function lowerLookup(lowers: readonly string[]): Lower {
  const known = new Map<string, readonly string[]>([['', lowers]]);
  const directoriesAt = (path: string): readonly string[] => {
    const parts = known.get(path);
    if (parts) return parts;
    const found = lookUp(directoriesAt(parentOf(path)), path.slice(path.lastIndexOf('/') + 1))?.directories ?? [];
    if (known.size > 10_000) known.clear();
    known.set('', lowers).set(path, found);
    return found;
  };
  return (path) =>
    path === '' ? lowers[0] : lookUp(directoriesAt(parentOf(path)), path.slice(path.lastIndexOf('/') + 1))?.path;
}

/** A 0/0 character device, or the empty file with a mark that newer kernels know (filesystems/overlayfs.rst, "whiteouts and opaque directories"). */
export function isWhiteout(path: string, stats: BigIntStats): boolean {
  if (stats.isCharacterDevice()) return stats.rdev === 0n;
  return stats.isFile() && stats.size === 0n && overlayMark(path, 'whiteout') !== undefined;
}

export function isOpaque(directory: string): boolean {
  return overlayMark(directory, 'opaque')?.toString() === 'y';
}

/** The value of one of overlayfs' own attributes. */
export function overlayMark(path: string, name: 'whiteout' | 'opaque' | 'redirect' | 'metacopy'): Buffer | undefined {
  for (const prefix of PREFIXES) {
    const value = getXattr(path, prefix + name);
    if (value) return value;
  }
  return undefined;
}
