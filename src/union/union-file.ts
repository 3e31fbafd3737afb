import { constants } from 'node:fs';
import { errnoError } from './errno.ts';
import type { FileSystem, Handle, Inode } from './file-system.ts';
import { UnionStats } from './union-stats.ts';

const CHUNK = 256 * 1024;

/** An open file in the shape of Node's `FileHandle`; what is without a position goes on where the last such call ended. */
export class UnionFile {
  readonly #files: FileSystem;
  readonly #inode: Inode;
  #handle: Handle | undefined;
  readonly #flags: number;
  #position = 0;

  /** `handle` is absent for directories, which have attributes and no bytes. */
  constructor(files: FileSystem, inode: Inode, { handle, flags }: { handle: Handle | undefined; flags: number }) {
    this.#files = files;
    this.#inode = inode;
    this.#handle = handle;
    this.#flags = flags;
  }

  async read(
    buffer: Uint8Array,
    offset = 0,
    length: number = buffer.byteLength - offset,
    position: number | null = null,
  ): Promise<{ bytesRead: number; buffer: Uint8Array }> {
    const handle = this.#opened('read');
    if ((this.#flags & constants.O_WRONLY) !== 0) throw errnoError('EBADF', 'read');
    const at = position ?? this.#position;
    const bytesRead = await this.#files.readLater(handle, buffer.subarray(offset, offset + length), at);
    if (position === null) this.#position = at + bytesRead;
    return { bytesRead, buffer };
  }

  async write(
    data: Uint8Array | string,
    offset = 0,
    length?: number,
    position: number | null = null,
  ): Promise<{ bytesWritten: number }> {
    const handle = this.#opened('write');
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const part = bytes.subarray(offset, length === undefined ? undefined : offset + length);
    const appends = (this.#flags & constants.O_APPEND) !== 0;
    const at = appends ? this.#files.getattr(this.#inode).size : (position ?? this.#position);
    const bytesWritten = this.#files.write(handle, part, at);
    if (position === null || appends) this.#position = at + bytesWritten;
    return { bytesWritten };
  }

  /** All from the current position on. */
  async readFile(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.chunks()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** The bytes from `start` to `end`, that included; from the current position to the end of the file if absent. */
  async *chunks({
    start,
    end = Number.POSITIVE_INFINITY,
  }: {
    start?: number;
    end?: number;
  } = {}): AsyncGenerator<Buffer> {
    let at = start ?? this.#position;
    while (at <= end) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, end - at + 1));
      const { bytesRead } = await this.read(buffer, 0, buffer.length, at);
      at += bytesRead;
      if (start === undefined) this.#position = at;
      if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
      if (bytesRead < buffer.length) return;
    }
  }

  async stat(): Promise<UnionStats> {
    return new UnionStats(this.#files.getattr(this.#inode));
  }

  async truncate(length = 0): Promise<void> {
    if (!this.#opened('ftruncate') || (this.#flags & (constants.O_WRONLY | constants.O_RDWR)) === 0)
      throw errnoError('EINVAL', 'ftruncate');
    this.#files.setattr(this.#inode, { size: length });
  }

  async chmod(mode: number): Promise<void> {
    await this.#files.copyUpLater(this.#inode);
    this.#files.setattr(this.#inode, { mode });
  }

  async chown(uid: number, gid: number): Promise<void> {
    await this.#files.copyUpLater(this.#inode);
    this.#files.setattr(this.#inode, { uid, gid });
  }

  async sync(): Promise<void> {
    if (this.#handle) this.#files.fsync(this.#handle);
    else this.#files.fsyncDirectory(this.#inode);
  }

  async datasync(): Promise<void> {
    if (this.#handle) this.#files.fsync(this.#handle, { dataOnly: true });
    else this.#files.fsyncDirectory(this.#inode);
  }

  async close(): Promise<void> {
    if (this.#handle) this.#files.release(this.#handle);
    this.#handle = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #opened(syscall: string): Handle {
    if (this.#handle) return this.#handle;
    throw errnoError(this.#inode.type === 'directory' ? 'EISDIR' : 'EBADF', syscall);
  }
}
