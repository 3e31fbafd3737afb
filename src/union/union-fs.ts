import { errnoError } from './errno.ts';
import type { AttributeChanges, Inode, RenameMode } from './file-system.ts';
import { openUnion, type UnionOptions } from './open-union.ts';
import { type Follow, masked, UnionReader } from './union-reader.ts';
import { isPlain, type Place } from './walk.ts';

type Time = number | string | Date;

/** Opens {@link UnionFs} on layers. */
export function openUnionFs(options: UnionOptions): UnionFs {
  return new UnionFs(openUnion(options));
}

/**
 * A union in the shape of `node:fs/promises`. Paths start at its root, with or without a slash, and lead nowhere else, whatever symbolic links
 * say. Errors are Node's: `code`, `errno`, `syscall`, `path`. Names and links are text as `decodeName` of `std` gives it.
 */
export class UnionFs extends UnionReader {
  async writeFile(
    path: string,
    data: Uint8Array | string,
    { mode = 0o666, flag = 'w' }: { readonly mode?: number; readonly flag?: string } = {},
  ): Promise<void> {
    await using file = await this.open(path, flag, mode);
    await file.write(data);
  }

  async appendFile(path: string, data: Uint8Array | string): Promise<void> {
    await this.writeFile(path, data, { flag: 'a' });
  }

  async truncate(path: string, length = 0): Promise<void> {
    await this.#change(path, { size: length });
  }

  /** With `recursive` no error where there is a directory already. */
  async mkdir(
    path: string,
    { mode = 0o777, recursive = false }: { readonly mode?: number; readonly recursive?: boolean } = {},
  ): Promise<void> {
    if (!recursive) {
      const place = this.walk(path, 'name');
      this.files.mkdir(place.directory, requireNew(place, { directory: true }), { mode: masked(mode) });
      return;
    }
    let at = '';
    for (const part of path.split('/').filter((name) => name !== '')) {
      at += `/${part}`;
      const place = this.walk(at);
      if (place.inode && place.inode.type !== 'directory') throw errnoError('EEXIST', 'mkdir', path);
      if (!place.inode) this.files.mkdir(place.directory, place.name, { mode: masked(mode) });
    }
  }

  /** mknod(2): `mode` with its type bits. */
  async mknod(path: string, mode: number, rdev: { readonly major: number; readonly minor: number }): Promise<void> {
    const place = this.walk(path, 'name');
    this.files.mknod(place.directory, requireNew(place), { mode: masked(mode), rdev });
  }

  async symlink(target: string, path: string): Promise<void> {
    const place = this.walk(path, 'name');
    if (target === '') throw errnoError('ENOENT', 'symlink', path);
    this.files.symlink(place.directory, requireNew(place), target);
  }

  async link(existing: string, path: string): Promise<void> {
    const inode = this.existing(existing, { follow: false });
    const place = this.walk(path, 'name');
    const name = requireNew(place);
    await this.ready(inode);
    this.files.link(inode, place.directory, name);
  }

  async unlink(path: string): Promise<void> {
    const place = this.walk(path, 'name');
    const isDirectory = !isPlain(place) || place.inode?.type === 'directory';
    if (isDirectory) throw errnoError('EISDIR', 'unlink', path);
    if (place.slash && place.inode) throw errnoError('ENOTDIR', 'unlink', path);
    this.files.unlink(place.directory, place.name);
  }

  async rmdir(path: string): Promise<void> {
    const place = this.walk(path, 'name');
    if (!isPlain(place)) throw errnoError(UNREMOVABLE[place.name as keyof typeof UNREMOVABLE], 'rmdir', path);
    this.files.rmdir(place.directory, place.name);
  }

  async rm(
    path: string,
    { recursive = false, force = false }: { readonly recursive?: boolean; readonly force?: boolean } = {},
  ): Promise<void> {
    const place = this.walk(path, 'name');
    if (!place.inode) {
      if (force) return;
      throw errnoError('ENOENT', 'rm', path);
    }
    if (!isPlain(place)) throw errnoError('EBUSY', 'rm', path);
    if (place.inode.type === 'directory' && !recursive) throw errnoError('EISDIR', 'rm', path);
    this.#remove(place.directory, place.name, place.inode);
  }

  #remove(directory: Inode, name: string, inode: Inode): void {
    if (inode.type !== 'directory') {
      this.files.unlink(directory, name);
      return;
    }
    for (const entry of this.files.readdir(inode)) {
      const child = this.files.lookup(inode, entry.name);
      if (child) this.#remove(inode, entry.name, child);
    }
    this.files.rmdir(directory, name);
  }

  /** renameat2(2): `keep` refuses to replace, `exchange` swaps two names. */
  async rename(from: string, to: string, { mode = 'replace' }: { readonly mode?: RenameMode } = {}): Promise<void> {
    const source = this.walk(from, 'name');
    const target = this.walk(to, 'name');
    if (!isPlain(source)) throw errnoError('EBUSY', 'rename', from);
    if (!isPlain(target)) throw errnoError(mode === 'keep' ? 'EEXIST' : 'EBUSY', 'rename', to);
    if (!source.inode) throw errnoError('ENOENT', 'rename', from);
    const replaced = target.inode;
    if (mode === 'keep' && replaced) throw errnoError('EEXIST', 'rename', to);
    if (mode === 'exchange' && !replaced) throw errnoError('ENOENT', 'rename', to);
    const sides = [
      [source, source.inode],
      [target, mode === 'exchange' ? replaced : source.inode],
    ] as const;
    for (const [{ slash }, inode] of sides)
      if (slash && inode?.type !== 'directory') throw errnoError('ENOTDIR', 'rename', to);
    await this.ready(source.inode);
    this.files.rename(source.directory, source.name, target.directory, target.name, mode);
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.#change(path, { mode });
  }

  async chown(path: string, uid: number, gid: number): Promise<void> {
    await this.#change(path, { uid, gid });
  }

  async lchown(path: string, uid: number, gid: number): Promise<void> {
    await this.#change(path, { uid, gid }, { follow: false });
  }

  /** Times as Node takes them, in seconds where they are numbers. */
  async utimes(path: string, atime: Time | bigint, mtime: Time | bigint): Promise<void> {
    await this.#change(path, { atime: nanoseconds(atime), mtime: nanoseconds(mtime) });
  }

  async lutimes(path: string, atime: Time | bigint, mtime: Time | bigint): Promise<void> {
    await this.#change(path, { atime: nanoseconds(atime), mtime: nanoseconds(mtime) }, { follow: false });
  }

  async setXattr(
    path: string,
    name: string,
    value: Uint8Array,
    { mode, ...options }: Follow & { readonly mode?: 'create' | 'replace' } = {},
  ): Promise<void> {
    const inode = this.existing(path, options);
    await this.ready(inode);
    this.files.setxattr(inode, name, value, mode);
  }

  async removeXattr(path: string, name: string, options: Follow = {}): Promise<void> {
    const inode = this.existing(path, options);
    await this.ready(inode);
    this.files.removexattr(inode, name);
  }

  async #change(path: string, changes: AttributeChanges, options: Follow = {}): Promise<void> {
    const inode = this.existing(path, options);
    if (changes.size !== 0) await this.ready(inode);
    this.files.setattr(inode, changes);
  }
}

/** rmdir(2), of what has no name. */
const UNREMOVABLE = { '/': 'EBUSY', '.': 'EINVAL', '..': 'ENOTEMPTY' } as const;

/** The name of something to be made. */
function requireNew(place: Place, { directory = false }: { directory?: boolean } = {}): string {
  if (place.inode) throw errnoError('EEXIST', 'create', place.path);
  if (place.slash && !directory) throw errnoError('ENOENT', 'create', place.path);
  return place.name;
}

function nanoseconds(time: Time | bigint): bigint {
  if (typeof time === 'bigint') return time;
  const milliseconds = time instanceof Date ? time.getTime() : Number(time) * 1000;
  return BigInt(Math.round(milliseconds * 1000)) * 1000n; // a double holds microseconds of today, not nanoseconds
}
