import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {
  AT_FDCWD,
  changeTimesAt,
  check,
  getXattr,
  listXattrs,
  makeDevice,
  mknodAt,
  native,
  RenameFlag,
  removeXattr,
  renameAt2,
  setXattr,
} from '../../src/linux/index.ts';
import type { RenameMode, UnionFile, UnionFs } from '../../src/union/index.ts';
import type { Operation } from './union-operations.ts';

/** A file system that operations are tried on: what each gives as text, or its errno. */
export interface World {
  apply(operation: Operation): Promise<string>;
  /** All that is seen of a name. */
  describe(path: string): Promise<Description>;
  names(path: string): Promise<string[]>;
  close(): Promise<void>;
}

export interface Description {
  readonly mode: number;
  readonly nlink: number;
  readonly ino: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: bigint;
  /** A file's bytes, a link's text, a device's numbers. */
  readonly content: string;
  readonly xattrs: readonly string[];
}

const S_IFMT = 0o170000;
const OPEN = {
  read: constants.O_RDONLY,
  write: constants.O_WRONLY,
  update: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
  truncate: constants.O_RDWR | constants.O_TRUNC,
} as const;

async function outcome(work: () => unknown): Promise<string> {
  try {
    const result = await work();
    return result === undefined ? 'done' : String(result);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code === 'ENOTSUP' ? 'EOPNOTSUPP' : code; // one number, two names
  }
}

interface Stats {
  readonly mode: number | bigint;
  readonly nlink: number | bigint;
  readonly uid: number | bigint;
  readonly gid: number | bigint;
  readonly size: number | bigint;
}

function tell(stats: Stats): string {
  const isDirectory = (Number(stats.mode) & S_IFMT) === constants.S_IFDIR;
  return [Number(stats.mode).toString(8), stats.nlink, stats.uid, stats.gid, isDirectory ? '' : stats.size].join(' ');
}

/** The kernel's own answers, below a mount. */
export function kernelWorld(root: string): World {
  const at = (path: string): string => `${root}/${path}`;
  const open = new Map<number, number>();
  const fdOf = (slot: number): number => {
    const fd = open.get(slot);
    if (fd === undefined) throw Object.assign(new Error('no such slot'), { code: 'EBADF' });
    return fd;
  };
  const names = (path: string): string[] =>
    readdirSync(at(path))
      .filter((name) => lstatSync(`${at(path)}/${name}`, { throwIfNoEntry: false })) // a lone layer's whiteouts are listed
      .sort();
  const answer = (operation: Operation): unknown => {
    switch (operation.kind) {
      case 'stat':
        return tell(statSync(at(operation.path)));
      case 'lstat':
        return tell(lstatSync(at(operation.path)));
      case 'list':
        return names(operation.path).join();
      case 'read':
        requireBytes(at(operation.path));
        return readFileSync(at(operation.path), 'latin1');
      case 'readlink':
        return readlinkSync(at(operation.path));
      case 'realpath':
        return realpathSync.native(at(operation.path)).slice(root.length) || '/';
      case 'write':
        requireBytes(at(operation.path));
        return writeFileSync(at(operation.path), operation.text);
      case 'append':
        requireBytes(at(operation.path));
        return writeFileSync(at(operation.path), operation.text, { flag: 'a' });
      case 'create':
        return writeFileSync(at(operation.path), operation.text, { flag: 'wx', mode: operation.mode });
      case 'truncate':
        return truncate(at(operation.path), operation.size);
      case 'mkdir':
        return mkdirSync(at(operation.path), { mode: operation.mode });
      case 'rmdir':
        return rmdirSync(at(operation.path));
      case 'unlink':
        return unlinkSync(at(operation.path));
      case 'rename':
        return renameAt2(AT_FDCWD, at(operation.path), AT_FDCWD, at(operation.to), flagOf(operation.mode));
      case 'link':
        return linkSync(at(operation.path), at(operation.to));
      case 'symlink':
        return symlinkSync(operation.target, at(operation.path));
      case 'mknod':
        return mknodAt(
          AT_FDCWD,
          at(operation.path),
          operation.mode & ~process.umask(),
          makeDevice(...operation.device),
        );
      case 'chmod':
        return chmodSync(at(operation.path), operation.mode);
      case 'chown':
        return lchownSync(at(operation.path), operation.uid, operation.gid);
      case 'times':
        return changeTimesAt(AT_FDCWD, at(operation.path), operation.time, operation.time);
      case 'getXattr':
        return getXattr(at(operation.path), operation.name)?.toString('latin1') ?? 'none';
      case 'setXattr':
        return setXattr(at(operation.path), operation.name, Buffer.from(operation.value));
      case 'removeXattr':
        return removeXattr(at(operation.path), operation.name);
      case 'listXattr':
        return listXattrs(at(operation.path)).sort().join();
      case 'open': {
        requireBytes(at(operation.path));
        const fd = openSync(at(operation.path), OPEN[operation.how], 0o640);
        const old = open.get(operation.slot);
        if (old !== undefined) closeSync(old);
        open.set(operation.slot, fd);
        return fstatSync(fd).isFile() ? undefined : shut(open, operation.slot);
      }
      case 'readSlot': {
        const buffer = Buffer.alloc(8);
        return buffer.toString('latin1', 0, readSync(fdOf(operation.slot), buffer, 0, 8, operation.position));
      }
      case 'writeSlot':
        return writeSync(fdOf(operation.slot), operation.text, operation.position);
      case 'statSlot':
        return tell(fstatSync(fdOf(operation.slot)));
      case 'truncateSlot':
        return ftruncateSync(fdOf(operation.slot), operation.size);
      case 'closeSlot':
        closeSync(fdOf(operation.slot));
        open.delete(operation.slot);
        return undefined;
    }
  };
  return {
    apply: (operation) => outcome(() => answer(operation)),
    names: async (path) => names(path),
    async describe(path) {
      const stats = lstatSync(at(path), { bigint: true });
      return {
        mode: Number(stats.mode),
        nlink: Number(stats.nlink),
        ino: Number(stats.ino),
        uid: Number(stats.uid),
        gid: Number(stats.gid),
        size: stats.isDirectory() ? 0 : Number(stats.size),
        mtime: stats.mtimeNs,
        content: stats.isFile()
          ? readFileSync(at(path), 'latin1')
          : stats.isSymbolicLink()
            ? readlinkSync(at(path))
            : String(stats.rdev),
        xattrs: listXattrs(at(path))
          .sort()
          .map((name) => `${name}=${getXattr(at(path), name)}`),
      };
    },
    async close() {
      for (const fd of open.values()) closeSync(fd);
      open.clear();
    },
  };
}

/** truncate(2) itself: Node opens the file first. */
function truncate(path: string, size: number): void {
  check(native('int truncate(const char *, int64_t)')(path, size), 'truncate', path);
}

/** Devices and pipes are opened by the kernel, not by the file system: ours says ENXIO. */
function requireBytes(path: string): void {
  const target = statOrNothing(path);
  if (target && !target.isFile() && !target.isDirectory()) throw Object.assign(new Error('no file'), { code: 'ENXIO' });
}

function statOrNothing(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // the call itself says why
  }
}

/** A slot holds no directory. */
function shut(open: Map<number, number>, slot: number): string {
  closeSync(open.get(slot) as number);
  open.delete(slot);
  return 'no file';
}

function flagOf(mode: RenameMode): number {
  return mode === 'replace' ? 0 : mode === 'keep' ? RenameFlag.noReplace : RenameFlag.exchange;
}

/** Our answers. */
export function unionWorld(fs: UnionFs): World {
  const open = new Map<number, UnionFile>();
  const fileOf = (slot: number): UnionFile => {
    const file = open.get(slot);
    if (!file) throw Object.assign(new Error('no such slot'), { code: 'EBADF' });
    return file;
  };
  const names = async (path: string): Promise<string[]> => (await fs.readdir(path)).sort();
  const answer = async (operation: Operation): Promise<unknown> => {
    switch (operation.kind) {
      case 'stat':
        return tell(await fs.stat(operation.path));
      case 'lstat':
        return tell(await fs.lstat(operation.path));
      case 'list':
        return (await names(operation.path)).join();
      case 'read':
        return fs.readFile(operation.path, 'latin1');
      case 'readlink':
        return fs.readlink(operation.path);
      case 'realpath':
        return fs.realpath(operation.path);
      case 'write':
        return fs.writeFile(operation.path, operation.text);
      case 'append':
        return fs.appendFile(operation.path, operation.text);
      case 'create':
        return fs.writeFile(operation.path, operation.text, { flag: 'wx', mode: operation.mode });
      case 'truncate':
        return fs.truncate(operation.path, operation.size);
      case 'mkdir':
        return fs.mkdir(operation.path, { mode: operation.mode });
      case 'rmdir':
        return fs.rmdir(operation.path);
      case 'unlink':
        return fs.unlink(operation.path);
      case 'rename':
        return fs.rename(operation.path, operation.to, { mode: operation.mode });
      case 'link':
        return fs.link(operation.path, operation.to);
      case 'symlink':
        return fs.symlink(operation.target, operation.path);
      case 'mknod': {
        const [major, minor] = operation.device;
        return fs.mknod(operation.path, operation.mode, { major, minor });
      }
      case 'chmod':
        return fs.chmod(operation.path, operation.mode);
      case 'chown':
        return fs.lchown(operation.path, operation.uid, operation.gid);
      case 'times':
        return fs.lutimes(operation.path, operation.time, operation.time);
      case 'getXattr':
        return (await fs.getXattr(operation.path, operation.name, { follow: false }))?.toString('latin1') ?? 'none';
      case 'setXattr':
        return fs.setXattr(operation.path, operation.name, Buffer.from(operation.value), { follow: false });
      case 'removeXattr':
        return fs.removeXattr(operation.path, operation.name, { follow: false });
      case 'listXattr':
        return [...(await fs.listXattr(operation.path, { follow: false }))].sort().join();
      case 'open': {
        const file = await fs.open(operation.path, OPEN[operation.how], 0o640);
        await open.get(operation.slot)?.close();
        open.set(operation.slot, file);
        if ((await file.stat()).isFile()) return undefined;
        await file.close();
        open.delete(operation.slot);
        return 'no file';
      }
      case 'readSlot': {
        const buffer = Buffer.alloc(8);
        const { bytesRead } = await fileOf(operation.slot).read(buffer, 0, 8, operation.position);
        return buffer.toString('latin1', 0, bytesRead);
      }
      case 'writeSlot':
        return (await fileOf(operation.slot).write(operation.text, 0, undefined, operation.position)).bytesWritten;
      case 'statSlot':
        return tell(await fileOf(operation.slot).stat());
      case 'truncateSlot':
        return fileOf(operation.slot).truncate(operation.size);
      case 'closeSlot':
        await fileOf(operation.slot).close();
        open.delete(operation.slot);
        return undefined;
    }
  };
  return {
    apply: (operation) => outcome(() => answer(operation)),
    names,
    async describe(path) {
      const stats = await fs.lstat(path);
      return {
        mode: stats.mode,
        nlink: stats.nlink,
        ino: stats.ino,
        uid: stats.uid,
        gid: stats.gid,
        size: stats.isDirectory() ? 0 : stats.size,
        mtime: stats.mtimeNs,
        content: stats.isFile()
          ? await fs.readFile(path, 'latin1')
          : stats.isSymbolicLink()
            ? await fs.readlink(path)
            : String(stats.rdev),
        xattrs: await Promise.all(
          [...(await fs.listXattr(path, { follow: false }))]
            .sort()
            .map(async (name) => `${name}=${await fs.getXattr(path, name, { follow: false })}`),
        ),
      };
    },
    async close() {
      for (const file of open.values()) await file.close();
      open.clear();
    },
  };
}
