import { constants } from 'node:fs';
import { Readable } from 'node:stream';
import { errnoError } from './errno.ts';
import type { FileSystem, FileSystemStatistics, Inode } from './file-system.ts';
import { mayWrite, openFlags } from './open-flags.ts';
import { UnionFile } from './union-file.ts';
import { UnionDirent, UnionStats } from './union-stats.ts';
import { type Aim, type Place, walkPath } from './walk.ts';

type Encoding = BufferEncoding | { readonly encoding?: BufferEncoding | null } | null;

export interface Follow {
  /** False for a symbolic link itself. */
  readonly follow?: boolean;
}

/** The reading half of `UnionFs`. */
export class UnionReader implements Disposable {
  /** The same by inodes, synchronously. */
  readonly files: FileSystem;

  constructor(files: FileSystem) {
    this.files = files;
  }

  readdir(path: string, options?: { readonly withFileTypes?: false; readonly recursive?: boolean }): Promise<string[]>;
  readdir(
    path: string,
    options: { readonly withFileTypes: true; readonly recursive?: boolean },
  ): Promise<UnionDirent[]>;
  async readdir(
    path: string,
    { withFileTypes = false, recursive = false }: { withFileTypes?: boolean; recursive?: boolean } = {},
  ): Promise<string[] | UnionDirent[]> {
    const found: UnionDirent[] = [];
    const list = (directory: Inode, at: string): void => {
      for (const { name, type } of this.files.readdir(directory)) {
        found.push(new UnionDirent(name, at, type));
        const child = recursive && type === 'directory' ? this.files.lookup(directory, name) : undefined;
        if (child) list(child, at === '' ? name : `${at}/${name}`);
      }
    };
    list(this.existing(path), withFileTypes ? path : '');
    return withFileTypes
      ? found
      : found.map((entry) => (entry.parentPath === '' ? entry.name : `${entry.parentPath}/${entry.name}`));
  }

  async stat(path: string): Promise<UnionStats> {
    return new UnionStats(this.files.getattr(this.existing(path)));
  }

  async lstat(path: string): Promise<UnionStats> {
    return new UnionStats(this.files.getattr(this.existing(path, { follow: false })));
  }

  async readlink(path: string): Promise<string> {
    return this.files.readlink(this.existing(path, { follow: false }));
  }

  async realpath(path: string): Promise<string> {
    const place = this.walk(path);
    if (!place.inode) throw errnoError('ENOENT', 'realpath', path);
    return place.path;
  }

  /** {@link realpath} of a link itself, with the links before it followed; ENOENT where there is nothing. */
  locate(path: string): string {
    const place = this.walk(path, 'itself');
    if (!place.inode) throw errnoError('ENOENT', 'open', path);
    return place.path;
  }

  /** Whether something is there, and with W_OK whether anything can be written at all: modes are not judged here. */
  async access(path: string, mode: number = constants.F_OK): Promise<void> {
    this.existing(path);
    if ((mode & constants.W_OK) !== 0 && !this.files.writable) throw errnoError('EROFS', 'access', path);
  }

  async open(path: string, flags: string | number = 'r', mode = 0o666): Promise<UnionFile> {
    const how = openFlags(flags);
    const creates = (how & constants.O_CREAT) !== 0;
    const follows = (how & ((constants.O_NOFOLLOW ?? 0) | (creates ? constants.O_EXCL : 0))) === 0;
    const place = this.walk(path, creates ? (follows ? 'create' : 'new') : follows ? 'target' : 'itself');
    const inode = place.inode;
    if (!inode) return this.#create(place, how, mode);
    if (creates) {
      if ((how & constants.O_EXCL) !== 0) throw errnoError('EEXIST', 'open', path);
      if (inode.type === 'directory') throw errnoError('EISDIR', 'open', path);
    }
    if (inode.type !== 'directory') {
      if ((how & constants.O_DIRECTORY) !== 0) throw errnoError('ENOTDIR', 'open', path);
      if (mayWrite(how) && (how & constants.O_TRUNC) === 0) await this.ready(inode);
      return new UnionFile(this.files, inode, { handle: this.files.open(inode, how), flags: how });
    }
    if (mayWrite(how)) throw errnoError('EISDIR', 'open', path);
    return new UnionFile(this.files, inode, { handle: undefined, flags: how });
  }

  #create(place: Place, flags: number, mode: number): UnionFile {
    if ((flags & constants.O_CREAT) === 0) throw errnoError('ENOENT', 'open', place.path);
    const { inode, handle } = this.files.create(place.directory, place.name, flags, { mode: masked(mode) });
    return new UnionFile(this.files, inode, { handle, flags });
  }

  readFile(path: string, options?: { readonly encoding?: null } | null): Promise<Buffer>;
  readFile(path: string, options: BufferEncoding | { readonly encoding: BufferEncoding }): Promise<string>;
  async readFile(path: string, options: Encoding = null): Promise<Buffer | string> {
    await using file = await this.open(path);
    const bytes = await file.readFile();
    const encoding = typeof options === 'string' ? options : options?.encoding;
    return encoding ? bytes.toString(encoding) : bytes;
  }

  /** The bytes from `start` to `end`, that included. */
  createReadStream(path: string, options: { readonly start?: number; readonly end?: number } = {}): Readable {
    const { start = 0, ...rest } = options;
    const open = (): Promise<UnionFile> => this.open(path);
    async function* chunks(): AsyncGenerator<Buffer> {
      await using file = await open();
      yield* file.chunks({ start, ...rest });
    }
    return Readable.from(chunks(), { objectMode: false });
  }

  /** Extended attributes, of a link itself where `follow` is false. Undefined where there is none of that name. */
  async getXattr(path: string, name: string, options: Follow = {}): Promise<Buffer | undefined> {
    return this.files.getxattr(this.existing(path, options), name);
  }

  async listXattr(path: string, options: Follow = {}): Promise<readonly string[]> {
    return this.files.listxattr(this.existing(path, options));
  }

  async statfs(): Promise<FileSystemStatistics> {
    return this.files.statfs();
  }

  [Symbol.dispose](): void {
    this.files[Symbol.dispose]();
  }

  protected walk(path: string, aim: Aim = 'target'): Place {
    return walkPath(this.files, path, aim);
  }

  protected existing(path: string, { follow = true }: Follow = {}): Inode {
    const { inode } = this.walk(path, follow ? 'target' : 'itself');
    if (!inode) throw errnoError('ENOENT', 'open', path);
    return inode;
  }

  /** Before a change: bytes that are elsewhere are copied first. */
  protected async ready(inode: Inode): Promise<void> {
    if (this.files.writable) await this.files.copyUpLater(inode);
  }
}

/** As the process's umask leaves it. */
export function masked(mode: number): number {
  return mode & ~process.umask();
}
