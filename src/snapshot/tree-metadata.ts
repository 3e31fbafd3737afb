import { chmodSync, chownSync, lstatSync, utimesSync } from 'node:fs';

/** Gives the root of a new tree the owner, mode and time of the one below. Without native code, hence to a quarter of a microsecond only. */
export function copyRootMetadata(from: string, to: string): void {
  const below = lstatSync(from);
  const mine = lstatSync(to);
  if (below.uid !== mine.uid || below.gid !== mine.gid) chownSync(to, below.uid, below.gid);
  chmodSync(to, below.mode & 0o7777); // after chown, which may clear bits
  utimesSync(to, below.atimeMs / 1000, below.mtimeMs / 1000);
}
