import type { UnionStats } from '../union/index.ts';
import type { Columns } from './format.ts';
import { formatSize } from './humanize.ts';

/** A file of an image as lists show it. */
export interface FileRow {
  /** As it is shown: a name, or a path. */
  readonly name: string;
  readonly stats: UnionStats;
  /** A symbolic link's text. */
  readonly target?: string;
}

export function fileColumns({ human }: { readonly human: boolean }): Columns<FileRow> {
  return {
    Mode: { header: 'MODE', value: ({ stats }) => modeText(stats) },
    Links: { header: 'LINKS', value: ({ stats }) => stats.nlink },
    UID: { header: 'UID', value: ({ stats }) => stats.uid },
    GID: { header: 'GID', value: ({ stats }) => stats.gid },
    Size: { header: 'SIZE', value: ({ stats }) => (human ? formatSize(stats.size, 3) : String(stats.size)) },
    Modified: { header: 'MODIFIED', value: ({ stats }) => timeText(stats.mtime) },
    Name: { header: 'NAME', value: ({ name, target }) => (target === undefined ? name : `${name} -> ${target}`) },
    Path: { header: 'PATH', value: ({ name }) => name },
    Type: { header: 'TYPE', value: ({ stats }) => typeText(stats) },
    Target: { header: 'TARGET', value: ({ target }) => target ?? '' },
  };
}

const TYPES = [
  ['isFile', '-', 'file'],
  ['isDirectory', 'd', 'directory'],
  ['isSymbolicLink', 'l', 'symlink'],
  ['isCharacterDevice', 'c', 'character'],
  ['isBlockDevice', 'b', 'block'],
  ['isFIFO', 'p', 'fifo'],
  ['isSocket', 's', 'socket'],
] as const;

export function typeText(stats: UnionStats): string {
  return TYPES.find(([is]) => stats[is]())?.[2] ?? 'file';
}

/** `-rwsr-xr-x`, as ls(1) shows it. */
export function modeText(stats: UnionStats): string {
  const letter = TYPES.find(([is]) => stats[is]())?.[1] ?? '-';
  const { mode } = stats;
  const triple = (shift: number, special: boolean, mark: string): string => {
    const bits = mode >> shift;
    const runs = (bits & 1) !== 0;
    const last = special ? (runs ? mark : mark.toUpperCase()) : runs ? 'x' : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  return `${letter}${triple(6, (mode & 0o4000) !== 0, 's')}${triple(3, (mode & 0o2000) !== 0, 's')}${triple(0, (mode & 0o1000) !== 0, 't')}`;
}

/** To the second, in UTC: an image looks the same everywhere. */
export function timeText(time: Date): string {
  return Number.isNaN(time.getTime()) ? '-' : time.toISOString().slice(0, 19).replace('T', ' ');
}
