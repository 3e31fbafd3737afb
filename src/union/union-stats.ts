import type { Attributes, InodeType } from './file-system.ts';

const S_IFMT = 0o170000;
const MILLISECOND = 1_000_000;

/** A kind of file, asked as Node's `Stats` and `Dirent` are. */
class Kind {
  readonly #type: InodeType;

  constructor(type: InodeType) {
    this.#type = type;
  }

  isFile(): boolean {
    return this.#type === 'file';
  }

  isDirectory(): boolean {
    return this.#type === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.#type === 'symlink';
  }

  isCharacterDevice(): boolean {
    return this.#type === 'character';
  }

  isBlockDevice(): boolean {
    return this.#type === 'block';
  }

  isFIFO(): boolean {
    return this.#type === 'fifo';
  }

  isSocket(): boolean {
    return this.#type === 'socket';
  }
}

/** In the shape of Node's `Stats`, and with its `BigIntStats`' exact times. */
export class UnionStats extends Kind {
  readonly dev = 0;
  readonly blksize = 4096;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly blocks: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;

  constructor(attributes: Attributes) {
    super(TYPES.get(attributes.mode & S_IFMT) ?? 'file');
    const { rdev } = attributes;
    this.ino = attributes.ino;
    this.mode = attributes.mode;
    this.nlink = attributes.nlink;
    this.uid = attributes.uid;
    this.gid = attributes.gid;
    this.rdev = rdev ? (rdev.major & 0xfff) * 256 + (rdev.minor & 0xff) + (rdev.minor >>> 8) * 2 ** 20 : 0;
    this.size = attributes.size;
    this.blocks = attributes.blocks;
    this.atimeNs = attributes.atime;
    this.mtimeNs = attributes.mtime;
    this.ctimeNs = attributes.ctime;
  }

  get atimeMs(): number {
    return Number(this.atimeNs) / MILLISECOND;
  }

  get mtimeMs(): number {
    return Number(this.mtimeNs) / MILLISECOND;
  }

  get ctimeMs(): number {
    return Number(this.ctimeNs) / MILLISECOND;
  }

  get atime(): Date {
    return new Date(this.atimeMs);
  }

  get mtime(): Date {
    return new Date(this.mtimeMs);
  }

  get ctime(): Date {
    return new Date(this.ctimeMs);
  }
}

/** In the shape of Node's `Dirent`. */
export class UnionDirent extends Kind {
  readonly name: string;
  /** The directory that it is in, as it was asked for. */
  readonly parentPath: string;

  constructor(name: string, parentPath: string, type: InodeType) {
    super(type);
    this.name = name;
    this.parentPath = parentPath;
  }
}

const TYPES: ReadonlyMap<number, InodeType> = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o020000, 'character'],
  [0o060000, 'block'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
]);
