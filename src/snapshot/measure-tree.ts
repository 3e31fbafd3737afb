import { lstatSync, readdirSync } from 'node:fs';
import type { SnapshotUsage } from './snapshotter.ts';

const BLOCK = 512; // st_blocks counts in these, whatever the file system's own are
const SLASH = Buffer.from('/');

/** Adds up a tree, itself included, blocking its thread: blocks on disk, files of several names once. */
export function measureTree(path: string): SnapshotUsage {
  const linked = new Set<bigint>();
  let bytes = 0;
  let inodes = 0;
  const visit = (at: Buffer): void => {
    const file = lstatSync(at, { bigint: true });
    if (file.nlink > 1n && !file.isDirectory()) {
      if (linked.has(file.ino)) return;
      linked.add(file.ino);
    }
    bytes += Number(file.blocks) * BLOCK;
    inodes += 1;
    if (!file.isDirectory()) return;
    for (const name of readdirSync(at, { encoding: 'buffer' })) visit(Buffer.concat([at, SLASH, name]));
  };
  visit(Buffer.from(path));
  return { bytes, inodes };
}
