import { constants } from 'node:fs';
import { errnoError } from './errno.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const O_SYNC = constants.O_SYNC ?? 0;

/** The words that `fs.open` takes for flags: nodejs.org/api/fs.html, "File system flags". */
const WORDS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  rs: O_RDONLY | O_SYNC,
  'r+': O_RDWR,
  'rs+': O_RDWR | O_SYNC,
  w: O_TRUNC | O_CREAT | O_WRONLY,
  wx: O_TRUNC | O_CREAT | O_WRONLY | O_EXCL,
  'w+': O_TRUNC | O_CREAT | O_RDWR,
  'wx+': O_TRUNC | O_CREAT | O_RDWR | O_EXCL,
  a: O_APPEND | O_CREAT | O_WRONLY,
  ax: O_APPEND | O_CREAT | O_WRONLY | O_EXCL,
  as: O_APPEND | O_CREAT | O_WRONLY | O_SYNC,
  'a+': O_APPEND | O_CREAT | O_RDWR,
  'ax+': O_APPEND | O_CREAT | O_RDWR | O_EXCL,
  'as+': O_APPEND | O_CREAT | O_RDWR | O_SYNC,
};

export function openFlags(flags: string | number): number {
  if (typeof flags === 'number') return flags;
  const number = WORDS[flags];
  if (number === undefined) throw errnoError('EINVAL', `open with flags ${JSON.stringify(flags)}`);
  return number;
}

export function mayWrite(flags: number): boolean {
  return (flags & (O_WRONLY | O_RDWR)) !== 0;
}
