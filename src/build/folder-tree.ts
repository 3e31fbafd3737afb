import {
  type BigIntStats,
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { join } from 'node:path';
import { createDigester, hexOf } from '../oci/index.ts';
import { type ByteStream, decodeName, EngineError, fsPath, isErrno } from '../std/index.ts';
import type { DigestIndex } from './digest-index.ts';
import type { Tree, TreeNode } from './tree.ts';

const CHUNK = 1 << 20;

/** A folder of this machine as a context. Everything in it is root's, as docker sends it. */
export function folderTree(root: string, { index }: { index?: DigestIndex } = {}): Tree {
  const at = (path: string): string => (path === '' ? root : join(root, path));
  return {
    node(path) {
      const stats = lstat(at(path));
      return stats && nodeOf(at(path), stats);
    },
    names: (path) =>
      readdirSync(fsPath(at(path)), { encoding: 'buffer' })
        .map(decodeName)
        .sort(),
    open: (path) => readFile(at(path)),
    async digest(path) {
      const stats = lstat(at(path));
      const known = stats && index?.get(stats);
      if (known) return known;
      const digester = createDigester();
      for await (const chunk of readFile(at(path))) digester.update(chunk);
      const digest = hexOf(digester.digest());
      if (stats) index?.set(stats, digest);
      return digest;
    },
  };
}

function lstat(path: string): BigIntStats | undefined {
  try {
    return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** A file's content; a small one in one piece, for which no thread is asked. */
async function* readFile(path: string): ByteStream {
  const fd = openFile(path);
  const { size } = fstatSync(fd);
  if (size > CHUNK) {
    yield* createReadStream('', { fd, highWaterMark: CHUNK });
    return;
  }
  try {
    yield readSmall(fd, size);
  } finally {
    closeSync(fd);
  }
}

function readSmall(fd: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(size);
  let done = 0;
  while (done < size) {
    const bytes = readSync(fd, buffer, done, size - done, null);
    if (bytes === 0) break;
    done += bytes;
  }
  return buffer.subarray(0, done);
}

function openFile(path: string): number {
  try {
    return openSync(fsPath(path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP'))
      throw new EngineError('Conflict', `${path} changed while it was read; build again`, { cause: error });
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw new EngineError(
        'PermissionDenied',
        `cannot read ${path}; leave it out with .dockerignore, or change its permissions`,
        { cause: error },
      );
    throw error;
  }
}

function nodeOf(path: string, stats: BigIntStats): TreeNode | undefined {
  const type = typeOf(stats);
  if (type === undefined) return undefined;
  return {
    type,
    mode: Number(stats.mode) & 0o7777,
    uid: 0,
    gid: 0,
    size: type === 'file' ? Number(stats.size) : 0,
    mtime: stats.mtimeNs,
    ...(type === 'symlink' && { link: decodeName(readlinkSync(fsPath(path), { encoding: 'buffer' })) }),
    ...((type === 'character' || type === 'block') && { device: deviceOf(Number(stats.rdev)) }),
    ...(type === 'file' && stats.nlink > 1n && { inode: `${stats.dev}:${stats.ino}` }),
  };
}

/** Sockets are no part of any image. */
function typeOf(stats: BigIntStats): TreeNode['type'] | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'character';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : undefined;
}

/** glibc's `dev_t`: makedev(3). */
function deviceOf(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
