import { closeSync, constants, fdatasyncSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { allocateFile, seekFile } from '../linux/index.ts';
import { fsPath } from '../std/index.ts';
import { errnoError } from './errno.ts';
import type { Handle } from './file-system.ts';
import type { Content } from './layer-node.ts';
import type { Node, OpenHandle } from './node.ts';

/** An open file: of the writable layer by a descriptor, of one below by its content, until a copy-up moves it. */
export class OpenFile implements Handle, OpenHandle {
  readonly inode: Node;
  readonly writable: boolean;
  onMoved: (() => void) | undefined;
  #fd: number | undefined;
  #content: Content | undefined;

  constructor(inode: Node, flags: number, fd?: number) {
    this.inode = inode;
    const access = flags & (constants.O_WRONLY | constants.O_RDWR);
    this.writable = access !== 0;
    if (fd !== undefined) this.#fd = fd;
    else if (inode.upper) {
      inode.upper.requireBytes();
      this.#fd = openSync(fsPath(inode.upper.path), handleFlags(flags));
    } else this.#content = inode.top.open();
    inode.opened(this);
  }

  get remote(): boolean {
    return this.#fd === undefined && this.inode.top.remote;
  }

  get fd(): number | undefined {
    return this.#fd ?? this.#opened().fd;
  }

  move(path: string): void {
    this.#fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
    this.#content?.[Symbol.dispose]();
    this.#content = undefined;
    this.onMoved?.();
  }

  read(into: Uint8Array, position: number): number {
    if (this.#fd === undefined) return this.#opened().read(into, position);
    let done = 0;
    while (done < into.length) {
      const count = readSync(this.#fd, into, done, into.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async readLater(into: Uint8Array, position: number): Promise<number> {
    return this.#fd === undefined ? this.#opened().readLater(into, position) : this.read(into, position);
  }

  write(from: Uint8Array, position: number): number {
    const fd = this.writableFd('write');
    this.inode.upper?.changed();
    let done = 0;
    while (done < from.length) done += writeSync(fd, from, done, from.length - done, position + done);
    return done;
  }

  seek(offset: number, whence: 'data' | 'hole'): number {
    const found = this.#fd === undefined ? this.#opened().seek(offset, whence) : seekFile(this.#fd, offset, whence);
    if (found === undefined) throw errnoError('ENXIO', 'lseek');
    return found;
  }

  allocate(mode: number, offset: number, length: number): void {
    allocateFile(this.writableFd('fallocate'), mode, offset, length);
    this.inode.upper?.changed();
  }

  sync({ dataOnly = false }: { readonly dataOnly?: boolean }): void {
    if (this.#fd === undefined) return; // a lower layer's: nothing to be written
    if (dataOnly) fdatasyncSync(this.#fd);
    else fsyncSync(this.#fd);
  }

  private writableFd(syscall: string): number {
    if (!this.writable || this.#fd === undefined) throw errnoError('EBADF', syscall);
    return this.#fd;
  }

  close(): void {
    this.inode.closed(this);
    this.#content?.[Symbol.dispose]();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#content = undefined;
    this.#fd = undefined;
  }

  /** A lower layer's file stays where it is, so that it is opened when its bytes are asked for: whoever reads through a cache may never do. */
  #opened(): Content {
    if (!this.inode.open.has(this)) throw errnoError('EBADF', 'read');
    this.#content ??= this.inode.top.open();
    return this.#content;
  }
}

/**
 * A server that caches writes reads through handles that were opened for writing, so those are opened for both; it says itself where an append
 * goes, and pwrite(2) does not listen to it with O_APPEND.
 */
export function handleFlags(flags: number): number {
  const writes = (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
  return (writes ? constants.O_RDWR : constants.O_RDONLY) | (flags & constants.O_TRUNC) | constants.O_NOFOLLOW;
}
