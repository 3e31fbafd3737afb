import { readdirSync } from 'node:fs';
import { closeFd, rmdirAt, unlinkAt } from '../linux/index.ts';
import { decodeName, isErrno } from '../std/index.ts';
import { isDirectory, type LayerDirectory } from './layer-tree.ts';
import { openDirectoryAt, pathAt } from './open-directories.ts';

/** The names in an open directory. */
export function namesIn(fd: number): string[] {
  return readdirSync(pathAt(fd, '.'), { encoding: 'buffer' }).map(decodeName);
}

/** Removes a name with all below it, following nothing; a missing name is no error. */
export function removeTreeAt(parent: number, name: string): void {
  try {
    unlinkAt(parent, name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    if (!isErrno(error, 'EISDIR', 'EPERM')) throw error;
    const fd = openDirectoryAt(parent, name);
    try {
      for (const child of namesIn(fd)) removeTreeAt(fd, child);
    } finally {
      closeFd(fd);
    }
    rmdirAt(parent, name);
  }
}

/** Removes from an open directory all that the layer has not made itself. */
export function clearDirectory(fd: number, made: LayerDirectory): void {
  for (const name of namesIn(fd)) {
    const ours = made.children.get(name);
    if (!ours) removeTreeAt(fd, name);
    else if (isDirectory(ours)) {
      const child = openDirectoryAt(fd, name);
      try {
        clearDirectory(child, ours);
      } finally {
        closeFd(child);
      }
    }
  }
}
