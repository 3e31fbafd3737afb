import { closeSync, fsyncSync, openSync, statfsSync } from 'node:fs';
import { fsPath } from '../std/index.ts';
import type { FileSystemStatistics } from './file-system.ts';

const NAME_MAX = 255;

/** What the file system of a folder has left. */
export function measureFolder(path: string): FileSystemStatistics {
  const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(fsPath(path));
  return {
    blockSize: bsize,
    blocks,
    freeBlocks: bfree,
    availableBlocks: bavail,
    files,
    freeFiles: ffree,
    longestName: NAME_MAX,
  };
}

/** Of a union of tables alone: there is no room in it. */
export const nothingToMeasure: FileSystemStatistics = {
  blockSize: 4096,
  blocks: 0,
  freeBlocks: 0,
  availableBlocks: 0,
  files: 0,
  freeFiles: 0,
  longestName: NAME_MAX,
};

/** Makes the names in a folder durable. */
export function syncFolder(path: string): void {
  const fd = openSync(fsPath(path), 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
