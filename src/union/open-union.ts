import { constants, openSync } from 'node:fs';
import { AT_FDCWD, makeDevice, mknodAt, symlinkAt } from '../linux/index.ts';
import { EngineError, fsPath } from '../std/index.ts';
import { errnoError } from './errno.ts';
import type {
  AttributeChanges,
  Attributes,
  Device,
  DirectoryEntry,
  FileSystem,
  FileSystemStatistics,
  Handle,
  Inode,
  NewNode,
  Owner,
  RenameMode,
} from './file-system.ts';
import { type LayerInput, openLayers } from './layers.ts';
import { type MarkNamespace, Marks, usualMarks } from './marks.ts';
import type { Node } from './node.ts';
import { OpenFile } from './open-file.ts';
import { RealNode } from './real-node.ts';
import { renameNode } from './rename.ts';
import { measureFolder, nothingToMeasure, syncFolder } from './space.ts';
import { UnionTree } from './tree.ts';
import { UpperChanges } from './upper-changes.ts';
import { UpperFolder } from './upper-folder.ts';
import { listXattrs, readXattr, removeXattrOf, setXattrOf } from './xattrs.ts';

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const WRITES: number = constants.O_WRONLY | constants.O_RDWR | constants.O_TRUNC;

export interface UnionUpper {
  readonly path: string;
  /** An empty folder of the same file system that nothing else uses, to prepare changes in. */
  readonly work: string;
  /** Without every fsync, those that are asked for too: for what a stop of the machine may take with it. */
  readonly volatile?: boolean;
}

export interface UnionOptions {
  /** The lowest first, as an image lists them: tables of contents and directories in any mixture. */
  readonly layers: readonly LayerInput[];
  /** Where changes go; needs Linux. Read-only without. */
  readonly upper?: UnionUpper;
  /** Whose attributes mark opaque directories: `trusted` for root, `user` for others and for what mounts with `userxattr`. */
  readonly marks?: MarkNamespace;
}

/**
 * Unites layers into one copy-on-write file system, without a mount and, for reading, without root on any system. What it writes is an
 * overlayfs upper directory and what overlayfs wrote it reads, with `index=off,metacopy=off,redirect_dir=off`. One process at a time may have
 * an upper directory open. Throws EngineError NotFound for a directory that is not there.
 */
export function openUnion({ layers, upper, marks = usualMarks() }: UnionOptions): FileSystem {
  if (layers.length === 0 && !upper) throw new EngineError('InvalidArgument', 'nothing to unite');
  if (upper && process.platform !== 'linux')
    throw new EngineError('NotImplemented', `a union is written on Linux alone, and this is ${process.platform}`);
  return new UnionFileSystem(layers, upper, new Marks(marks));
}

class UnionFileSystem implements FileSystem {
  readonly root: Node;
  readonly writable: boolean;
  readonly #tree: UnionTree;
  readonly #marks: Marks;
  readonly #changes: UpperChanges | undefined;
  readonly #folder: string | undefined;
  readonly #volatile: boolean;

  constructor(layers: readonly LayerInput[], upper: UnionUpper | undefined, marks: Marks) {
    const folder = upper && RealNode.at(upper.path, marks);
    if (upper && folder?.type !== 'directory') throw new EngineError('NotFound', `no directory ${upper.path}`);
    const lowers = folder?.opaque() ? [] : openLayers(layers, marks);
    this.#tree = new UnionTree({ upper: folder, lowers });
    this.#marks = marks;
    this.#volatile = upper?.volatile === true;
    if (upper) {
      const how = { marks, volatile: this.#volatile };
      this.#changes = new UpperChanges(this.#tree, new UpperFolder(upper.path, upper.work, how));
    }
    this.#folder = upper?.path ?? layers.flatMap((layer) => ('path' in layer ? [layer.path] : []))[0];
    this.root = this.#tree.root;
    this.writable = upper !== undefined;
  }

  get #writing(): UpperChanges {
    if (!this.#changes) throw errnoError('EROFS', 'change');
    return this.#changes;
  }

  lookup(directory: Inode, name: string): Inode | undefined {
    return this.#tree.lookup(directory as Node, name);
  }

  forget(inode: Inode): void {
    this.#tree.forget(inode as Node);
  }

  getattr(inode: Inode): Attributes {
    return this.#tree.attributes(inode as Node);
  }

  setattr(inode: Inode, changes: AttributeChanges): Attributes {
    this.#writing.setAttributes(inode as Node, changes);
    return this.getattr(inode);
  }

  readdir(directory: Inode): readonly DirectoryEntry[] {
    return this.#tree.names(directory as Node);
  }

  readlink(inode: Inode): string {
    if (inode.type !== 'symlink') throw errnoError('EINVAL', 'readlink');
    return (inode as Node).top.link();
  }

  open(inode: Inode, flags: number): Handle {
    const node = inode as Node;
    if (node.type === 'directory') throw errnoError('EISDIR', 'open');
    if (node.type !== 'file') throw errnoError(node.type === 'symlink' ? 'ELOOP' : 'ENXIO', 'open');
    if ((flags & WRITES) !== 0) {
      this.#writing.requireThere(node);
      this.#writing.copyUp(node, { empty: (flags & constants.O_TRUNC) !== 0 }).changed();
    }
    return new OpenFile(node, flags);
  }

  read(handle: Handle, into: Uint8Array, position: number): number {
    return (handle as OpenFile).read(into, position);
  }

  readLater(handle: Handle, into: Uint8Array, position: number): Promise<number> {
    return (handle as OpenFile).readLater(into, position);
  }

  async copyUpLater(inode: Inode): Promise<void> {
    await this.#writing.copyUpLater(inode as Node);
  }

  write(handle: Handle, from: Uint8Array, position: number): number {
    return (handle as OpenFile).write(from, position);
  }

  allocate(handle: Handle, mode: number, offset: number, length: number): void {
    (handle as OpenFile).allocate(mode, offset, length);
  }

  seek(handle: Handle, offset: number, whence: 'data' | 'hole'): number {
    return (handle as OpenFile).seek(offset, whence);
  }

  fsync(handle: Handle, options: { readonly dataOnly?: boolean } = {}): void {
    if (!this.#volatile) (handle as OpenFile).sync(options);
  }

  fsyncDirectory(directory: Inode): void {
    const { upper } = directory as Node;
    if (upper && !this.#volatile) syncFolder(upper.path);
  }

  release(handle: Handle): void {
    const file = handle as OpenFile;
    file.close();
    this.#changes?.release(file.inode);
  }

  descriptor(handle: Handle): number | undefined {
    return (handle as OpenFile).fd;
  }

  create(
    directory: Inode,
    name: string,
    flags: number,
    node: NewNode,
  ): { readonly inode: Inode; readonly handle: Handle } {
    let fd = -1;
    const inode = this.#writing.make(directory as Node, name, (path) => {
      const how = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW;
      fd = openSync(fsPath(path), how, node.mode & 0o7777);
      this.#writing.finish(path, directory as Node, node);
    });
    return { inode, handle: new OpenFile(inode, flags, fd) };
  }

  mkdir(directory: Inode, name: string, node: NewNode): Inode {
    return this.#writing.makeDirectory(directory as Node, name, node);
  }

  mknod(directory: Inode, name: string, node: NewNode & { readonly rdev?: Device }): Inode {
    const { major, minor } = node.rdev ?? { major: 0, minor: 0 };
    if ((node.mode & S_IFMT) === S_IFCHR && major === 0 && minor === 0) throw errnoError('EPERM', 'mknod', name);
    return this.#writing.make(directory as Node, name, (path) => {
      mknodAt(AT_FDCWD, path, node.mode, makeDevice(major, minor));
      this.#writing.finish(path, directory as Node, node);
    });
  }

  symlink(directory: Inode, name: string, target: string, owner?: Owner): Inode {
    return this.#writing.make(directory as Node, name, (path) => {
      symlinkAt(target, AT_FDCWD, path);
      this.#writing.finish(path, directory as Node, { owner });
    });
  }

  link(inode: Inode, directory: Inode, name: string): Inode {
    this.#writing.link(inode as Node, directory as Node, name);
    return inode;
  }

  unlink(directory: Inode, name: string): void {
    this.#writing.unlink(directory as Node, name);
  }

  rmdir(directory: Inode, name: string): void {
    this.#writing.rmdir(directory as Node, name);
  }

  rename(from: Inode, name: string, to: Inode, newName: string, mode: RenameMode = 'replace'): void {
    renameNode(this.#writing, { directory: from as Node, name }, { directory: to as Node, name: newName }, mode);
  }

  getxattr(inode: Inode, name: string): Buffer | undefined {
    return readXattr(inode as Node, name, this.#marks);
  }

  listxattr(inode: Inode): readonly string[] {
    return listXattrs(inode as Node, this.#marks);
  }

  setxattr(inode: Inode, name: string, value: Uint8Array, mode?: 'create' | 'replace'): void {
    setXattrOf(inode as Node, name, value, { changes: this.#writing, ...(mode && { mode }) });
  }

  removexattr(inode: Inode, name: string): void {
    removeXattrOf(inode as Node, name, this.#writing);
  }

  statfs(): FileSystemStatistics {
    return this.#folder === undefined ? nothingToMeasure : measureFolder(this.#folder);
  }

  [Symbol.dispose](): void {
    this.#changes?.upper.close();
  }
}
