import { constants, ftruncateSync, readFileSync } from 'node:fs';
import {
  chmodAt,
  chmodFd,
  chownAt,
  closeFd,
  linkAt,
  makeDevice,
  mkdirAt,
  mknodAt,
  openAt,
  removeXattr,
  setXattr,
  setXattrFd,
  symlinkAt,
  utimesAt,
} from '../linux/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import type { SparseRun } from '../tar/index.ts';
import { copyUp, writeFully } from './copy-up.ts';
import type { LayerDirectory } from './layer-tree.ts';
import {
  directoryBelow,
  dropXattrs,
  type Lower,
  type Metadata,
  type Ownership,
  orSkip,
  readDirectoryMetadata,
  type Skipped,
  writeMetadata,
  writeXattrs,
} from './metadata.ts';
import { baseOf, parentOf } from './names.ts';
import { OpenDirectories, openDirectoryAt, pathAt } from './open-directories.ts';
import type { LayerSink } from './read-layer.ts';
import { clearDirectory, removeTreeAt } from './remove-tree.ts';
import type { TocEntry } from './toc.ts';

const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
const { S_IFBLK, S_IFCHR, S_IFIFO, S_ISGID } = { ...constants, S_ISGID: 0o2000 };
const DEFAULT_ACL = 'system.posix_acl_default';

/** Where a layer's files go, and how its whiteouts are told. */
export interface TreeWriterOptions {
  /** `overlay`: the root holds this layer alone. `merged`: the root holds the union of the layers below, which this one changes. */
  readonly form: 'overlay' | 'merged';
  readonly userXattr: boolean;
  readonly ownership: Ownership;
  /** Only for `overlay`. */
  readonly lower?: Lower | undefined;
}

/** Makes one layer's names in a tree, with as few system calls a file as the kernel allows. Synchronous: for worker threads. */
export class TreeWriter implements LayerSink, Disposable {
  readonly skipped: Skipped = { devices: 0, xattrs: 0 };
  readonly #options: TreeWriterOptions;
  readonly #directories: OpenDirectories;
  readonly #merged: boolean;
  readonly #umask: number;
  readonly #uid: number;
  readonly #gid: number;
  /** Directories of layers below that were there already, as they were: what the layer only passes through gets it back. */
  readonly #kept = new Map<string, Metadata>();
  #file: { readonly fd: number; readonly entry: TocEntry } | undefined;
  #runs: SparseRun[] = [];
  readonly #whiteouts = new Set<string>();

  constructor(root: string, options: TreeWriterOptions) {
    this.#options = options;
    this.#merged = options.form === 'merged';
    this.#umask = umaskOfThread();
    this.#uid = process.geteuid?.() ?? 0;
    this.#gid = process.getegid?.() ?? 0;
    this.#directories = new OpenDirectories(root);
    this.#takeOver('', this.#directories.root);
  }

  [Symbol.dispose](): void {
    if (this.#file) closeFd(this.#file.fd);
    this.#directories[Symbol.dispose]();
  }

  make(entry: TocEntry, inode?: TocEntry): void {
    this.#directories.trim();
    const parent = this.#directories.get(parentOf(entry.path));
    const name = baseOf(entry.path);
    switch (entry.type) {
      case 'file':
        this.#openFile(entry, parent, name);
        break;
      case 'directory':
        this.#makeDirectory(entry, parent, name);
        break;
      case 'symlink':
        this.#replacing(parent, name, () => symlinkAt(entry.link as string, parent, name));
        this.#describe(entry, parent, name);
        break;
      case 'hardlink':
        this.#makeLink(entry, inode, parent, name);
        break;
      case 'whiteout':
        this.#makeWhiteout(entry.path, parent, name);
        break;
      case 'fifo':
        this.#replacing(parent, name, () => mknodAt(parent, name, S_IFIFO | entry.mode, 0n));
        this.#describe(entry, parent, name);
        break;
      case 'character':
      case 'block':
        this.#makeDevice(entry, parent, name);
        break;
    }
  }

  /** The next bytes of the file made last. */
  data(chunk: Uint8Array): void {
    if (!this.#file) return;
    if (this.#file.entry.data?.sparse) this.#writeRuns(this.#file.fd, chunk);
    else writeFully(this.#file.fd, chunk);
  }

  endEntry(): void {
    if (!this.#file) return;
    const { fd, entry } = this.#file;
    if (entry.data?.sparse) ftruncateSync(fd, entry.size);
    if (this.#ownedByOther(entry)) chownAt(fd, '', entry.uid, entry.gid);
    if (entry.xattrs) writeXattrs(fd, entry.xattrs, this.skipped);
    if (this.#modeDiffers(entry.mode)) chmodFd(fd, entry.mode);
    utimesAt(fd, '', entry.mtime, entry.mtime);
    this.#file = undefined;
    closeFd(fd);
  }

  clear(made: LayerDirectory): void {
    if (this.#merged) clearDirectory(this.#directories.get(made.entry.path), made);
  }

  remove(entry: TocEntry): void {
    this.#directories.trim();
    removeTreeAt(this.#directories.get(parentOf(entry.path)), baseOf(entry.path));
    if (entry.type === 'directory') this.#forget(entry.path);
    if (entry.type === 'whiteout') this.#whiteouts.delete(entry.path);
  }

  /** Directories get their metadata last: whatever is made in them changes their times, and some modes and ACLs would be inherited. */
  finish(entries: readonly TocEntry[]): void {
    this.#dropWhiteouts(entries);
    for (let index = entries.length - 1; index >= 0; index -= 1) {
      const entry = entries[index] as TocEntry;
      if (entry.type !== 'directory') continue;
      this.#directories.trim();
      const fd = this.#directories.get(entry.path);
      const kept = this.#kept.get(entry.path);
      const metadata = entry.implied ? (this.#merged ? kept : this.#metadataBelow(entry.path)) : undefined;
      if (kept) dropXattrs(fd, (metadata ?? entry).xattrs);
      writeMetadata(fd, metadata ?? entry, this.#options.ownership, this.skipped);
      if (entry.opaque && !this.#merged) {
        setXattrFd(fd, `${this.#options.userXattr ? 'user' : 'trusted'}.overlay.opaque`, Buffer.from('y'));
      }
    }
  }

  #openFile(entry: TocEntry, parent: number, name: string): void {
    const fd = this.#replacing(parent, name, () => openAt(parent, name, NEW_FILE, entry.mode & 0o777));
    this.#file = { fd, entry };
    if (entry.data?.sparse) this.#runs = entry.data.sparse.filter((run) => run.length > 0);
  }

  #writeRuns(fd: number, chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const run = this.#runs[0] as SparseRun;
      const length = Math.min(run.length, chunk.length - at);
      writeFully(fd, chunk.subarray(at, at + length), run.offset);
      at += length;
      if (length < run.length) this.#runs[0] = { offset: run.offset + length, length: run.length - length };
      else this.#runs.shift();
    }
  }

  #makeDirectory(entry: TocEntry, parent: number, name: string): void {
    try {
      mkdirAt(parent, name, 0o700); // the rest comes in finish()
      return;
    } catch (error) {
      if (!isErrno(error, 'EEXIST') || !this.#merged) throw error;
    }
    try {
      this.#takeOver(entry.path, openDirectoryAt(parent, name), closeFd);
    } catch (error) {
      if (!isErrno(error, 'ENOTDIR', 'ELOOP')) throw error;
      removeTreeAt(parent, name);
      mkdirAt(parent, name, 0o700);
    }
  }

  /** Remembers a directory that is there already and takes from it what new names would inherit. */
  #takeOver(path: string, fd: number, close = (_fd: number): void => {}): void {
    try {
      const metadata = readDirectoryMetadata(fd);
      this.#kept.set(path, metadata);
      if (metadata.mode & S_ISGID) chmodFd(fd, metadata.mode & ~S_ISGID);
      if (metadata.xattrs?.has(DEFAULT_ACL)) removeXattr(pathAt(fd, '.'), DEFAULT_ACL);
    } finally {
      close(fd);
    }
  }

  #makeWhiteout(path: string, parent: number, name: string): void {
    if (this.#merged) {
      removeTreeAt(parent, name);
      return;
    }
    mknodAt(parent, name, S_IFCHR, 0n);
    utimesAt(parent, name, 0n, 0n); // the same layer, the same tree
    this.#whiteouts.add(path);
  }

  /** Overlayfs lists a whiteout in a directory that nothing merges with: those that hide nothing must not be there. */
  #dropWhiteouts(entries: readonly TocEntry[]): void {
    if (this.#whiteouts.size === 0) return;
    const { lower } = this.#options;
    const kept = new Set<string>();
    for (const { type, path } of entries) {
      if (type === 'whiteout' && (!lower || lower(path) !== undefined)) kept.add(path);
    }
    for (const path of this.#whiteouts) {
      if (kept.has(path)) continue;
      this.#directories.trim();
      removeTreeAt(this.#directories.get(parentOf(path)), baseOf(path));
    }
  }

  #makeLink(entry: TocEntry, inode: TocEntry | undefined, parent: number, name: string): void {
    const { lower } = this.#options;
    if (entry.linksBelow && !this.#merged) {
      if (!lower) return; // settled later
      const source = lower(entry.link as string);
      if (source === undefined) throw missingTarget(entry);
      copyUp(source, parent, name, this.#options.ownership, this.skipped);
      return;
    }
    if (inode?.linksBelow && !this.#merged && !lower) return;
    const target = (inode?.path ?? entry.link) as string;
    try {
      const from = this.#directories.get(parentOf(target));
      this.#replacing(parent, name, () => linkAt(from, baseOf(target), parent, name));
    } catch (error) {
      if (inode?.device && this.skipped.devices > 0 && isErrno(error, 'ENOENT')) return;
      if (entry.linksBelow && isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EPERM')) throw missingTarget(entry);
      throw error;
    }
  }

  #makeDevice(entry: TocEntry, parent: number, name: string): void {
    const { major, minor } = entry.device ?? { major: 0, minor: 0 };
    const type = entry.type === 'block' ? S_IFBLK : S_IFCHR;
    try {
      this.#replacing(parent, name, () => {
        if (this.#options.ownership === 'ignore') throw Object.assign(new Error('no devices'), { code: 'EPERM' });
        mknodAt(parent, name, type | entry.mode, makeDevice(major, minor));
      });
    } catch (error) {
      if (!isErrno(error, 'EPERM')) throw error;
      this.skipped.devices += 1; // recorded in the table all the same
      if (this.#merged) removeTreeAt(parent, name);
      return;
    }
    this.#describe(entry, parent, name);
  }

  /** Metadata of what is not open: links, fifos and devices made just now. */
  #describe(entry: TocEntry, parent: number, name: string): void {
    if (this.#ownedByOther(entry)) chownAt(parent, name, entry.uid, entry.gid);
    for (const [key, value] of entry.xattrs ?? [])
      orSkip(() => setXattr(pathAt(parent, name), key, value), this.skipped);
    if (entry.type !== 'symlink' && this.#modeDiffers(entry.mode)) chmodAt(parent, name, entry.mode);
    utimesAt(parent, name, entry.mtime, entry.mtime);
  }

  /** Runs what makes a name; over a tree with lower layers in it, what stands in its place goes first. */
  #replacing<Result>(parent: number, name: string, make: () => Result): Result {
    try {
      return make();
    } catch (error) {
      if (!this.#merged || !isErrno(error, 'EEXIST')) throw error;
    }
    removeTreeAt(parent, name);
    return make();
  }

  #metadataBelow(path: string): Metadata | undefined {
    const { lower } = this.#options;
    return lower && directoryBelow(lower, path);
  }

  #ownedByOther(entry: TocEntry): boolean {
    return this.#options.ownership === 'exact' && (entry.uid !== this.#uid || entry.gid !== this.#gid);
  }

  #modeDiffers(mode: number): boolean {
    return (mode & (0o7000 | this.#umask)) !== 0;
  }

  #forget(path: string): void {
    this.#directories.forget(path);
    for (const known of this.#kept.keys()) if (isWithin(known, path)) this.#kept.delete(known);
    for (const known of this.#whiteouts) if (isWithin(known, path)) this.#whiteouts.delete(known);
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

export function missingTarget(entry: Pick<TocEntry, 'path' | 'link'>): EngineError {
  return new EngineError(
    'InvalidArgument',
    `layer entry ${JSON.stringify(entry.path)} links to ${JSON.stringify(entry.link)}, which is no file of this layer or one below`,
  );
}

/** The file mode creation mask of this very thread: worker threads may have one of their own. */
function umaskOfThread(): number {
  const status = readFileSync('/proc/thread-self/status', 'latin1');
  return Number.parseInt(/^Umask:\s*([0-7]+)/m.exec(status)?.[1] ?? '777', 8);
}
