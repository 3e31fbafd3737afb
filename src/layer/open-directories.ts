import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { closeFd, openAt } from '../linux/index.ts';
import { fsPath } from '../std/index.ts';
import { joinPath, parentOf } from './names.ts';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const KEPT_OPEN = 64;

/**
 * Directories below one root as descriptors. Each is reached from its parent's descriptor by one name and O_NOFOLLOW, so that no path,
 * whatever it holds, leads out of the root. The latest used stay open.
 */
export class OpenDirectories implements Disposable {
  readonly root: number;
  /** By path, the longest unused first. */
  readonly #open = new Map<string, number>();
  #lastPath = '';
  #lastFd: number;

  constructor(root: string) {
    this.root = openSync(fsPath(root), constants.O_RDONLY | constants.O_DIRECTORY);
    this.#lastFd = this.root;
  }

  /** The descriptor of a directory, lent until {@link trim}. Errors of openat(2) pass: ENOENT, ENOTDIR, ELOOP. */
  get(path: string): number {
    if (path === this.#lastPath) return this.#lastFd;
    const fd = path === '' ? this.root : (this.#known(path) ?? this.#enter(path));
    this.#lastPath = path;
    this.#lastFd = fd;
    return fd;
  }

  /** Closes what was not used for long. Called between operations: one operation may need several directories at once. */
  trim(): void {
    if (this.#open.size <= KEPT_OPEN) return;
    for (const [path, fd] of this.#open) {
      if (this.#open.size <= KEPT_OPEN) break;
      if (fd === this.#lastFd) continue;
      this.#open.delete(path);
      closeFd(fd);
    }
  }

  /** A directory was removed or replaced: nothing at or below `path` may be answered from memory. */
  forget(path: string): void {
    for (const [known, fd] of this.#open) {
      if (known !== path && !known.startsWith(`${path}/`)) continue;
      this.#open.delete(known);
      closeFd(fd);
    }
    this.#lastPath = '';
    this.#lastFd = this.root;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.values()) closeFd(fd);
    this.#open.clear();
    closeSync(this.root);
  }

  #known(path: string): number | undefined {
    const fd = this.#open.get(path);
    if (fd === undefined) return undefined;
    this.#open.delete(path);
    this.#open.set(path, fd);
    return fd;
  }

  #enter(path: string): number {
    const parent = parentOf(path);
    let missing = [path];
    let fd = this.root;
    for (let at = parent; at !== ''; at = parentOf(at)) {
      const known = this.#known(at);
      if (known !== undefined) {
        fd = known;
        break;
      }
      missing.push(at);
    }
    missing = missing.reverse();
    for (const at of missing) {
      fd = openDirectoryAt(fd, at.slice(at.lastIndexOf('/') + 1));
      this.#open.set(at, fd);
    }
    return fd;
  }
}

/** Opens a directory in an open one; a symbolic link there is an error (ELOOP or ENOTDIR), never followed. */
export function openDirectoryAt(parent: number, name: string): number {
  return openAt(parent, name, DIRECTORY);
}

/** A path for calls that know no descriptors: `name` in the open directory `fd`. The kernel resolves the link to the very inode. */
export function pathAt(fd: number, name: string): string {
  return joinPath(`/proc/self/fd/${fd}`, name);
}

export function statOf(fd: number): import('node:fs').BigIntStats {
  return fstatSync(fd, { bigint: true });
}
