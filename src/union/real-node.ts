import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { getXattr, listXattrs, seekFile, splitDevice } from '../linux/index.ts';
import { decodeName, fsPath, isErrno } from '../std/index.ts';
import { errnoError } from './errno.ts';
import type { Attributes } from './file-system.ts';
import type { Content, LayerName, LayerNode, LayerNodeType } from './layer-node.ts';
import type { Marks } from './marks.ts';

const LINUX = process.platform === 'linux';

/** A name of a directory of this machine, read as overlayfs reads a layer of it. */
export class RealNode implements LayerNode {
  /** Changes when the writable layer renames it. */
  path: string;
  readonly type: LayerNodeType;
  readonly device: string;
  readonly marks: Marks;
  /** In its own file system. */
  readonly ino: number;
  /** Names that share it, when it was found. */
  readonly nlink: number;
  readonly remote: boolean = false;
  /** Less on disk than it is long: it may be a file without its bytes, which is asked when it is opened. */
  readonly #sparse: boolean;
  #fresh: BigIntStats | undefined;

  constructor(path: string, stats: BigIntStats, marks: Marks) {
    this.path = path;
    this.type = typeOf(stats);
    this.device = String(stats.dev);
    this.ino = Number(stats.ino);
    this.nlink = Number(stats.nlink);
    this.#sparse = stats.blocks * 512n < stats.size;
    this.marks = marks;
    this.#fresh = stats;
  }

  /** Undefined where there is nothing. */
  static at(path: string, marks: Marks): RealNode | undefined {
    const stats = statsAt(path);
    return stats && new RealNode(path, stats, marks);
  }

  attributes(): Attributes {
    // Whoever looks a name up mostly wants its attributes next; later they are asked for again, since they change.
    const stats = this.#fresh ?? lstatSync(fsPath(this.path), { bigint: true });
    this.#fresh = undefined;
    return attributesOf(stats);
  }

  /** What is known is not so any more. */
  changed(): void {
    this.#fresh = undefined;
  }

  link(): string {
    return decodeName(readlinkSync(fsPath(this.path), { encoding: 'buffer' }));
  }

  opaque(): boolean {
    return LINUX && this.marks.isOpaque(this.path);
  }

  child(name: string): LayerNode | undefined {
    return RealNode.at(`${this.path}/${name}`, this.marks);
  }

  names(): readonly LayerName[] {
    return readdirSync(fsPath(this.path), { withFileTypes: true, encoding: 'buffer' }).map((entry) => {
      const name = decodeName(entry.name);
      return { name, type: this.#typeOfName(name, entry) };
    });
  }

  #typeOfName(name: string, entry: Dirent<Buffer>): LayerNodeType {
    if (entry.isFile()) return 'file';
    if (entry.isDirectory()) return 'directory';
    if (entry.isSymbolicLink()) return 'symlink';
    const stats = statsAt(`${this.path}/${name}`);
    return stats ? typeOf(stats) : 'whiteout'; // gone meanwhile
  }

  xattr(name: string): Buffer | undefined {
    return LINUX ? getXattr(this.path, name) : undefined;
  }

  xattrNames(): readonly string[] {
    return LINUX ? listXattrs(this.path) : [];
  }

  open(): Content {
    this.requireBytes();
    return openContent(this.path);
  }

  /** Throws EIO for what was copied up by a mount with `metacopy=on`, which would be read as zeros. */
  requireBytes(): void {
    if (LINUX && this.#sparse && this.type === 'file' && this.marks.isMetacopy(this.path))
      throw errnoError('EIO', 'open', this.path);
  }
}

/** A lower directory's name: lower layers do not change while they are united, so that nothing is asked twice. */
export class LowerNode extends RealNode {
  #attributes: Attributes | undefined;
  #names: Map<string, LayerNodeType> | undefined;
  #opaque: boolean | undefined;

  static override at(path: string, marks: Marks): LowerNode | undefined {
    const stats = statsAt(path);
    return stats && new LowerNode(path, stats, marks);
  }

  override attributes(): Attributes {
    this.#attributes ??= super.attributes();
    return this.#attributes;
  }

  override opaque(): boolean {
    this.#opaque ??= super.opaque();
    return this.#opaque;
  }

  override child(name: string): LayerNode | undefined {
    if (this.#names && !this.#names.has(name)) return undefined;
    return LowerNode.at(`${this.path}/${name}`, this.marks);
  }

  override names(): readonly LayerName[] {
    this.#names ??= new Map(super.names().map(({ name, type }) => [name, type]));
    return Array.from(this.#names, ([name, type]) => ({ name, type }));
  }
}

export function statsAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

function typeOf(stats: BigIntStats): LayerNodeType {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return stats.rdev === 0n ? 'whiteout' : 'character';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : 'socket';
}

export function attributesOf(stats: BigIntStats): Attributes {
  return {
    ino: Number(stats.ino),
    mode: Number(stats.mode),
    nlink: Number(stats.nlink),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    blocks: Number(stats.blocks),
    ...(stats.rdev !== 0n && { rdev: splitDevice(stats.rdev) }),
    atime: stats.atimeNs,
    mtime: stats.mtimeNs,
    ctime: stats.ctimeNs,
  };
}

/** A regular file of this machine, for reading. */
export function openContent(path: string): Content {
  const fd = openSync(fsPath(path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  const read = (into: Uint8Array, position: number): number => {
    let done = 0;
    while (done < into.length) {
      const count = readSync(fd, into, done, into.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  };
  return {
    fd,
    remote: false,
    get size() {
      return fstatSync(fd).size;
    },
    read,
    readLater: async (into, position) => read(into, position),
    seek(offset, whence) {
      if (LINUX) return seekFile(fd, offset, whence);
      const { size } = fstatSync(fd);
      return offset >= size ? undefined : whence === 'data' ? offset : size;
    },
    [Symbol.dispose]() {
      closeSync(fd);
    },
  };
}
