import { type BigIntStats, constants, fstatSync, read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { closeFd, openAt, readXattrs, splitDevice } from '../linux/index.ts';
import { type ByteStream, EngineError, isErrno } from '../std/index.ts';
import { encodeEntry, endOfArchive, paddingOf, type SparseRun, type TarEntry, type TarType } from '../tar/index.ts';
import { nodeAt } from './change-list.ts';
import { linkText } from './compare.ts';
import { diffTrees } from './diff-trees.ts';
import { baseOf, joinPath, OPAQUE, parentOf, WHITEOUT } from './names.ts';
import { OpenDirectories } from './open-directories.ts';
import { sparseRuns } from './sparse-runs.ts';
import type { Change } from './toc.ts';
import { keptXattrs } from './xattrs.ts';

const CHUNK = 1 << 20;
/** Small members are gathered into chunks of about this many bytes; larger files stream. */
const BATCH = 1 << 18;

/**
 * Changes as a layer's tar: the same changes give the same bytes. Deletes become whiteouts, names of one inode hard links, large holes
 * are left out; owners are numbers, times have nanoseconds. Sockets are skipped. Throws Conflict where a file changes its size while it
 * is read, InvalidArgument for a name that a layer would take for a whiteout.
 */
export async function* packLayer(changes: AsyncIterable<Change> | Iterable<Change>): AsyncGenerator<Buffer, void> {
  using packer = new Packer();
  for await (const change of changes) yield* packer.pack(change);
  yield* packer.end();
}

/** A whole directory tree as a tar, its root included: for images made from a directory, and for exports. */
export function packTree(root: string): ByteStream {
  return packLayer(diffTrees(undefined, root));
}

class Packer implements Disposable {
  readonly #trees = new Map<string, OpenDirectories>();
  /** First packed name of each inode that has several. */
  readonly #inodes = new Map<string, string>();
  #batch: Buffer[] = [];
  #batched = 0;

  [Symbol.dispose](): void {
    for (const tree of this.#trees.values()) tree[Symbol.dispose]();
  }

  async *pack(change: Change): AsyncGenerator<Buffer, void> {
    const { path } = change;
    const base = baseOf(path);
    if (base.startsWith(WHITEOUT))
      throw new EngineError(
        'InvalidArgument',
        `cannot pack ${path}: in a layer a name with ${WHITEOUT} marks a deletion`,
      );
    if (change.kind === 'delete') {
      this.#add(encodeEntry(marker(joinPath(parentOf(path), `${WHITEOUT}${base}`))));
    } else {
      yield* this.#packNode(change);
      if (change.opaque) this.#add(encodeEntry(marker(joinPath(path, OPAQUE))));
    }
    if (this.#batched >= BATCH) yield this.#flush();
  }

  *end(): Generator<Buffer, void> {
    this.#add(endOfArchive);
    yield this.#flush();
  }

  async *#packNode({ path, source = '' }: Change): AsyncGenerator<Buffer, void> {
    const { parent, name } = this.#locate(path, source);
    const node = nodeAt(parent, name);
    if (!node) return; // gone meanwhile, or a socket
    const type = typeOf(node.stats);
    if (!type) return;
    const entry = entryFor(path, type, node);
    const first = this.#firstName(path, node.stats);
    if (first !== undefined)
      return this.#add(encodeEntry({ ...withoutXattrs(entry), type: 'hardlink', linkName: first }));
    if (type === 'file' && node.stats.size > 0n) yield* this.#packFile(entry, parent, name, node.stats);
    else this.#add(encodeEntry(entry));
  }

  async *#packFile(entry: TarEntry, parent: number, name: string, seen: BigIntStats): AsyncGenerator<Buffer, void> {
    const fd = openFile(parent, name, entry.name);
    try {
      const stats = fstatSync(fd, { bigint: true });
      if (stats.ino !== seen.ino || stats.size !== seen.size) throw changed(entry.name);
      const sparse = sparseRuns(fd, stats);
      this.#add(encodeEntry({ ...entry, ...(sparse && { sparse }) }));
      const runs = sparse ?? [{ offset: 0, length: entry.size }];
      const stored = runs.reduce((total, run) => total + run.length, 0);
      if (stored <= BATCH) for (const run of runs) this.#add(readWhole(fd, run, entry.name));
      else {
        yield this.#flush();
        for (const run of runs) yield* readRun(fd, run, entry.name);
      }
      if (fstatSync(fd, { bigint: true }).size !== stats.size) throw changed(entry.name);
      this.#add(paddingOf(stored));
    } finally {
      closeFd(fd);
    }
  }

  /** The open directory and the name in it; the way there, below the tree's root, follows no symbolic link. */
  #locate(path: string, source: string): { parent: number; name: string } {
    if (path === '') return { parent: this.#tree(source).root, name: '.' };
    const below = source.endsWith(`/${path}`);
    const root = source.slice(0, source.length - (below ? path : baseOf(source)).length - 1) || '/';
    const tree = this.#tree(root);
    tree.trim();
    return { parent: below ? tree.get(parentOf(path)) : tree.root, name: baseOf(source) };
  }

  #tree(root: string): OpenDirectories {
    let tree = this.#trees.get(root);
    if (!tree) {
      tree = new OpenDirectories(root);
      this.#trees.set(root, tree);
    }
    return tree;
  }

  #firstName(path: string, stats: BigIntStats): string | undefined {
    if (stats.nlink < 2n || stats.isDirectory()) return undefined;
    const inode = `${stats.dev}:${stats.ino}`;
    const first = this.#inodes.get(inode);
    if (first === undefined) this.#inodes.set(inode, path);
    return first;
  }

  #add(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#batch.push(bytes);
    this.#batched += bytes.length;
  }

  #flush(): Buffer {
    const bytes = Buffer.concat(this.#batch);
    this.#batch = [];
    this.#batched = 0;
    return bytes;
  }
}

function entryFor(path: string, type: TarType, { path: at, stats }: { path: string; stats: BigIntStats }): TarEntry {
  const xattrs = keptXattrs(readXattrs(at));
  return {
    name: path === '' ? '.' : path,
    type,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    userName: '',
    groupName: '',
    size: type === 'file' ? Number(stats.size) : 0,
    mtime: stats.mtimeNs,
    ...(type === 'symlink' && { linkName: linkText(at) }),
    ...((type === 'character' || type === 'block') && { device: splitDevice(stats.rdev) }),
    ...(xattrs && { xattrs }),
  };
}

function withoutXattrs(entry: TarEntry): TarEntry {
  const { xattrs: _, linkName: __, device: ___, ...rest } = entry;
  return { ...rest, size: 0 };
}

/** A whiteout or opaque marker: an empty file whose name says it all. */
function marker(name: string): TarEntry {
  return { name, type: 'file', mode: 0o600, uid: 0, gid: 0, userName: '', groupName: '', size: 0, mtime: 0n };
}

function typeOf(stats: BigIntStats): TarType | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'character';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : undefined;
}

function openFile(parent: number, name: string, path: string): number {
  try {
    return openAt(parent, name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP')) throw changed(path);
    throw error;
  }
}

function readWhole(fd: number, { offset, length }: SparseRun, path: string): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const more = readSync(fd, buffer, at, length - at, offset + at);
    if (more === 0) throw changed(path);
    at += more;
  }
  return buffer;
}

const readAsync = promisify(read);

/** A run in chunks; the next is read while the last is worked on. */
async function* readRun(fd: number, { offset, length }: SparseRun, path: string): AsyncGenerator<Buffer, void> {
  const readAt = (at: number): Promise<{ bytesRead: number; buffer: Buffer }> => {
    const size = Math.min(CHUNK, length - at);
    const reading = readAsync(fd, Buffer.allocUnsafeSlow(size), 0, size, offset + at);
    reading.catch(() => {}); // thrown where it is awaited
    return reading;
  };
  let next = readAt(0);
  try {
    for (let at = 0; at < length; ) {
      const { bytesRead, buffer } = await next;
      if (bytesRead === 0) throw changed(path);
      at += bytesRead;
      if (at < length) next = readAt(at);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await next.catch(() => {}); // nothing may read from a descriptor that is closed
  }
}

function changed(path: string): EngineError {
  return new EngineError(
    'Conflict',
    `${path} changed while it was packed; stop or pause what writes to it and try again`,
  );
}
