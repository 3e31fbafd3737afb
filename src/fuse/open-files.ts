import { constants } from 'node:fs';
import { type Backing, closeBacking, openBacking } from './backing.ts';
import type { FuseFileSystem, FuseHandle } from './file-system.ts';
import type { Node } from './node.ts';
import { notifyChanged } from './notify.ts';
import { OpenFlag } from './protocol.ts';
import { Refusal } from './refusal.ts';

/** From this size on a file that is only read is worth a passthrough: it costs two calls more, and a smaller one is read in one answer. */
const WORTH_LENDING = 128 * 1024;

const O_ACCMODE = 3; // fcntl.h

/** A file that the kernel has open. */
export interface OpenFile {
  readonly node: Node;
  readonly handle: FuseHandle;
  readonly writes: boolean;
  readonly backing: Backing | undefined;
}

/** What OPEN answers. */
export interface Opened {
  readonly number: number;
  readonly flags: number;
  readonly backing: number;
  readonly writes: boolean;
}

/**
 * The files that the kernel has open, and by which way each node's bytes go: through the kernel's page cache with READ and WRITE, or by passthrough
 * past us. The kernel refuses to mix the two ways on one node, or two backing files (fs/fuse/iomode.c), so the first open decides for all
 * until the last is closed.
 */
export class OpenFiles {
  readonly #fuse: number;
  readonly #fileSystem: FuseFileSystem;
  readonly #files = new Map<number, OpenFile>();
  #next = 1;
  /** Whether files can be lent to this kernel by this process. */
  lends = false;

  constructor(fuse: number, fileSystem: FuseFileSystem) {
    this.#fuse = fuse;
    this.#fileSystem = fileSystem;
  }

  get(number: number): OpenFile {
    const file = this.#files.get(number);
    if (!file) throw new Refusal('EBADF');
    return file;
  }

  /** ESTALE where the kernel must look the file up again first: see {@link Node.epoch}. */
  open(node: Node, flags: number): Opened {
    const handle = this.#fileSystem.open(node.inode, flags & (O_ACCMODE | constants.O_TRUNC));
    try {
      return this.add(node, handle, flags);
    } catch (error) {
      this.#fileSystem.release(handle);
      throw error;
    }
  }

  add(node: Node, handle: FuseHandle, flags: number): Opened {
    const writes = (flags & O_ACCMODE) !== constants.O_RDONLY;
    if (node.backing?.moved) {
      node.backing = undefined; // those who have it open keep it
      node.epoch++;
      throw new Refusal('ESTALE');
    }
    const backing = this.#backingFor(node, handle, writes);
    const number = this.#next++;
    this.#files.set(number, { node, handle, writes, backing });
    if (backing) {
      backing.opens++;
      handle.onMoved = () => {
        backing.moved = true;
      };
      if (writes) node.stale = true;
      return { number, flags: OpenFlag.passthrough, backing: backing.id, writes };
    }
    const keep = !node.stale;
    node.stale = false;
    node.cached++;
    return { number, flags: keep ? OpenFlag.keepCache : 0, backing: 0, writes };
  }

  release(number: number): void {
    const { node, handle, writes, backing } = this.get(number);
    this.#files.delete(number);
    if (backing) {
      if (writes) notifyChanged(this.#fuse, node); // a mapping changed it without a word, maybe
      if (--backing.opens === 0) {
        if (node.backing === backing) node.backing = undefined;
        closeBacking(this.#fuse, backing.id);
      }
    } else node.cached--;
    this.#fileSystem.release(handle);
  }

  [Symbol.dispose](): void {
    for (const { handle } of this.#files.values()) this.#fileSystem.release(handle);
    this.#files.clear();
  }

  #backingFor(node: Node, handle: FuseHandle, writes: boolean): Backing | undefined {
    if (node.backing) return node.backing;
    if (!this.lends || node.cached > 0 || !(writes || node.size >= WORTH_LENDING)) return undefined;
    const fd = this.#fileSystem.descriptor(handle);
    if (fd === undefined) return undefined;
    const id = openBacking(this.#fuse, fd);
    if (id === undefined) {
      this.lends = false;
      return undefined;
    }
    node.backing = { id, opens: 0, moved: false };
    return node.backing;
  }
}
