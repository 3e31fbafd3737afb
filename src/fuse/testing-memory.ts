import { constants } from 'node:fs';
import type {
  FuseAttributes,
  FuseChanges,
  FuseFileSystem,
  FuseHandle,
  FuseInode,
  FuseNewNode,
  FuseType,
} from './file-system.ts';
import { Refusal } from './refusal.ts';

interface MemoryInode extends FuseInode {
  attributes: Mutable<FuseAttributes>;
  content: Buffer;
  target: string;
  readonly names: Map<string, MemoryInode>;
  readonly xattrs: Map<string, Buffer>;
}

interface MemoryHandle extends FuseHandle {
  readonly inode: MemoryInode;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

const TYPES: Readonly<Record<number, FuseType>> = {
  [constants.S_IFREG]: 'file',
  [constants.S_IFDIR]: 'directory',
  [constants.S_IFLNK]: 'symlink',
  [constants.S_IFIFO]: 'fifo',
  [constants.S_IFSOCK]: 'socket',
  [constants.S_IFCHR]: 'character',
  [constants.S_IFBLK]: 'block',
};

/** A file system in memory, for tests of the server alone. */
export function memoryFileSystem(): FuseFileSystem<MemoryInode, MemoryHandle> {
  let last = 0;
  const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
  const make = (mode: number, { owner = { uid: 0, gid: 0 } }: Partial<FuseNewNode> = {}): MemoryInode => {
    const time = now();
    const id = ++last;
    const type = TYPES[mode & constants.S_IFMT] as FuseType;
    return {
      id,
      type,
      attributes: {
        ...owner,
        ino: id,
        mode,
        nlink: type === 'directory' ? 2 : 1,
        size: 0,
        blocks: 0,
        atime: time,
        mtime: time,
        ctime: time,
      },
      content: Buffer.alloc(0),
      target: '',
      names: new Map(),
      xattrs: new Map(),
    };
  };
  const touch = (inode: MemoryInode): void => {
    inode.attributes.mtime = inode.attributes.ctime = now();
  };
  const add = (directory: MemoryInode, name: string, inode: MemoryInode): MemoryInode => {
    if (directory.names.has(name)) throw new Refusal('EEXIST');
    directory.names.set(name, inode);
    touch(directory);
    return inode;
  };
  const need = (directory: MemoryInode, name: string): MemoryInode => {
    const found = directory.names.get(name);
    if (!found) throw new Refusal('ENOENT');
    return found;
  };
  const remove = (directory: MemoryInode, name: string): void => {
    const inode = need(directory, name);
    directory.names.delete(name);
    inode.attributes.nlink -= inode.type === 'directory' ? 2 : 1;
    touch(directory);
  };
  const resize = (inode: MemoryInode, size: number): void => {
    const content = Buffer.alloc(size);
    inode.content.copy(content);
    inode.content = content;
    inode.attributes.size = size;
    touch(inode);
  };
  const change = (inode: MemoryInode, { mode, size, atime, mtime, ...owner }: FuseChanges): FuseAttributes => {
    if (size !== undefined) resize(inode, size);
    const { attributes } = inode;
    Object.assign(attributes, owner);
    if (mode !== undefined) attributes.mode = (attributes.mode & constants.S_IFMT) | mode;
    if (atime !== undefined) attributes.atime = atime === 'now' ? now() : atime;
    if (mtime !== undefined) attributes.mtime = mtime === 'now' ? now() : mtime;
    attributes.ctime = now();
    return { ...attributes };
  };
  const root = make(constants.S_IFDIR | 0o755);
  return {
    root,
    lookup: (directory, name) => directory.names.get(name),
    forget() {},
    getattr: ({ attributes }) => ({ ...attributes }),
    setattr: change,
    readdir: ({ names }) => [...names].map(([name, { type, id }]) => ({ name, type, ino: id })),
    readlink: ({ target }) => target,
    open: (inode) => ({ inode, remote: inode.xattrs.has('user.remote') }),
    read: ({ inode }, into, position) => inode.content.copy(into, 0, position),
    async readLater({ inode }, into, position) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return inode.content.copy(into, 0, position);
    },
    write({ inode }, from, position) {
      if (inode.content.length < position + from.length) resize(inode, position + from.length);
      inode.content.set(from, position);
      touch(inode);
      return from.length;
    },
    allocate({ inode }, _mode, offset, length) {
      if (inode.content.length < offset + length) resize(inode, offset + length);
    },
    seek: ({ inode }, offset, whence) => (whence === 'data' ? offset : inode.content.length),
    fsync() {},
    fsyncDirectory() {},
    release() {},
    descriptor: () => undefined,
    create(directory, name, _flags, node) {
      const inode = add(directory, name, make(constants.S_IFREG | node.mode, node));
      return { inode, handle: { inode, remote: false } };
    },
    mkdir: (directory, name, node) => add(directory, name, make(constants.S_IFDIR | node.mode, node)),
    mknod(directory, name, node) {
      const inode = add(directory, name, make(node.mode, node));
      if (node.rdev) inode.attributes.rdev = node.rdev;
      return inode;
    },
    symlink(directory, name, target, owner) {
      const inode = make(constants.S_IFLNK | 0o777, owner ? { owner } : {});
      inode.target = target;
      inode.attributes.size = Buffer.byteLength(target);
      return add(directory, name, inode);
    },
    link(inode, directory, name) {
      add(directory, name, inode);
      inode.attributes.nlink++;
      return inode;
    },
    unlink: remove,
    rmdir(directory, name) {
      if (need(directory, name).names.size > 0) throw new Refusal('ENOTEMPTY');
      remove(directory, name);
    },
    rename(from, name, to, newName, mode = 'replace') {
      const inode = need(from, name);
      const other = to.names.get(newName);
      if (mode === 'exchange') from.names.set(name, need(to, newName));
      else {
        if (other && mode === 'keep') throw new Refusal('EEXIST');
        if (other && other.names.size > 0) throw new Refusal('ENOTEMPTY');
        if (other) remove(to, newName);
        from.names.delete(name);
      }
      to.names.set(newName, inode);
      touch(from);
      touch(to);
    },
    getxattr: ({ xattrs }, name) => xattrs.get(name),
    listxattr: ({ xattrs }) => [...xattrs.keys()],
    setxattr({ xattrs }, name, value, mode) {
      if (mode === 'create' && xattrs.has(name)) throw new Refusal('EEXIST');
      if (mode === 'replace' && !xattrs.has(name)) throw new Refusal('ENODATA');
      xattrs.set(name, Buffer.from(value));
    },
    removexattr({ xattrs }, name) {
      if (!xattrs.delete(name)) throw new Refusal('ENODATA');
    },
    statfs: () => ({
      blockSize: 4096,
      blocks: 1000,
      freeBlocks: 500,
      availableBlocks: 400,
      files: 100,
      freeFiles: 50,
      longestName: 255,
    }),
  };
}
