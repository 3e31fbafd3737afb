import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  lchownSync,
  mkdirSync,
  openSync,
  writeSync,
} from 'node:fs';
import { AT_FDCWD, changeTimesAt, cloneFile, makeDevice, mknodAt, setXattr, symlinkAt } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';
import type { Attributes } from './file-system.ts';
import type { Content, LayerNode } from './layer-node.ts';
import type { Marks } from './marks.ts';

const PERMISSIONS = 0o7777;
const CHUNK = 1 << 20;

/** What a copy is made of: attributes may be those of a layer further down than what is copied. */
export interface Original {
  readonly node: LayerNode;
  readonly described: LayerNode;
}

/** What copies have to know of where they are made. */
export interface CopyTarget {
  readonly marks: Marks;
  /** Leaves out what makes a copy safe against a stop of the machine. */
  readonly volatile: boolean;
}

/** Makes `path` an empty directory like the original. */
export function copyDirectory({ described }: Original, path: string, { marks }: CopyTarget): void {
  mkdirSync(path, { mode: 0o700 });
  describe(described, path, marks);
}

/** Makes `path` a link, device or fifo like the original. */
export function copySpecial({ node, described }: Original, path: string, { marks }: CopyTarget): void {
  if (node.type === 'symlink') symlinkAt(node.link(), AT_FDCWD, path);
  else {
    const { mode, rdev } = node.attributes();
    mknodAt(AT_FDCWD, path, mode, makeDevice(rdev?.major ?? 0, rdev?.minor ?? 0));
  }
  describe(described, path, marks);
}

/** Makes `path` a file like the original, with its holes, safe on disk; without its bytes where they are about to be cut off. */
export function copyFile(
  { node, described }: Original,
  path: string,
  target: CopyTarget,
  { empty = false }: { readonly empty?: boolean } = {},
): void {
  const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
  try {
    if (!empty) {
      using content = node.open();
      copyBytes(content, fd);
    }
    finishFile(fd, path, described, target);
  } finally {
    closeSync(fd);
  }
}

/** {@link copyFile} of bytes that have to be waited for. */
export async function copyFileLater({ node, described }: Original, path: string, target: CopyTarget): Promise<void> {
  const fd = openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
  try {
    using content = node.open();
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (const { from, until } of dataRuns(content)) {
      for (let at = from; at < until; ) {
        const read = await content.readLater(buffer.subarray(0, Math.min(CHUNK, until - at)), at);
        if (read === 0) break;
        writeFully(fd, buffer.subarray(0, read), at);
        at += read;
      }
    }
    ftruncateSync(fd, content.size);
    finishFile(fd, path, described, target);
  } finally {
    closeSync(fd);
  }
}

function copyBytes(content: Content, fd: number): void {
  const { size } = content;
  if (content.fd !== undefined && cloneFile(fd, content.fd)) return;
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size));
  for (const { from, until } of dataRuns(content)) {
    for (let at = from; at < until; ) {
      const read = content.read(buffer.subarray(0, Math.min(buffer.length, until - at)), at);
      if (read === 0) break;
      writeFully(fd, buffer.subarray(0, read), at);
      at += read;
    }
  }
  ftruncateSync(fd, size);
}

function* dataRuns(content: Content): Generator<{ from: number; until: number }> {
  for (let at = content.seek(0, 'data'); at !== undefined; ) {
    const until = content.seek(at, 'hole') ?? content.size;
    yield { from: at, until };
    at = until >= content.size ? undefined : content.seek(until, 'data');
  }
}

function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

function finishFile(fd: number, path: string, original: LayerNode, { marks, volatile }: CopyTarget): void {
  const { uid, gid, mode, atime, mtime } = original.attributes();
  copyXattrs(original, path, marks);
  chownAsFar(() => fchownSync(fd, uid, gid));
  fchmodSync(fd, mode & PERMISSIONS); // after the owner: chown(2) drops setuid
  changeTimesAt(AT_FDCWD, path, atime, mtime);
  if (!volatile) fsyncSync(fd);
}

/** Metadata of all but files. */
function describe(original: LayerNode, path: string, marks: Marks): void {
  const { uid, gid, mode, atime, mtime } = original.attributes();
  copyXattrs(original, path, marks);
  chownAsFar(() => lchownSync(path, uid, gid));
  if (original.type !== 'symlink') chmodSync(path, mode & PERMISSIONS);
  setTimes(path, { atime, mtime });
}

export function setTimes(path: string, { atime, mtime }: Pick<Attributes, 'atime' | 'mtime'>): void {
  changeTimesAt(AT_FDCWD, path, atime, mtime);
}

function copyXattrs(original: LayerNode, path: string, marks: Marks): void {
  for (const name of original.xattrNames()) {
    const value = marks.isOwn(name) ? undefined : original.xattr(name);
    if (value) setXattr(path, name, value);
  }
}

/** Without root a copy belongs to whoever makes it, as in a user namespace that does not know the owner. */
function chownAsFar(chown: () => void): void {
  try {
    chown();
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EINVAL') || process.geteuid?.() === 0) throw error;
  }
}
