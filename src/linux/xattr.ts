import { constants } from 'node:os';
import { decodeName } from '../std/index.ts';
import { check, cString, errnoError, lastErrno, native } from './libc.ts';

/** Values are binary. A missing attribute is undefined; names are full (`user.x`, `security.capability`). Links are not followed. */
export function getXattr(path: string, name: string): Buffer | undefined {
  return readGrowing(
    (buffer) =>
      native('int64_t lgetxattr(const char *, const char *, void *, size_t)')(
        cString(path),
        cString(name),
        buffer,
        buffer.length,
      ),
    path,
  );
}

export function setXattr(path: string, name: string, value: Uint8Array): void {
  check(
    native('int lsetxattr(const char *, const char *, const void *, size_t, int)')(
      cString(path),
      cString(name),
      value,
      value.length,
      0,
    ),
    'lsetxattr',
    path,
  );
}

/** {@link setXattr} on an open file or directory. */
export function setXattrFd(fd: number, name: string, value: Uint8Array): void {
  check(
    native('int fsetxattr(int, const char *, const void *, size_t, int)')(fd, cString(name), value, value.length, 0),
    'fsetxattr',
    name,
  );
}

export function removeXattr(path: string, name: string): void {
  check(native('int lremovexattr(const char *, const char *)')(cString(path), cString(name)), 'lremovexattr', path);
}

export function listXattrs(path: string): string[] {
  const list = readGrowing(
    (buffer) => native('int64_t llistxattr(const char *, void *, size_t)')(cString(path), buffer, buffer.length),
    path,
  );
  if (!list || list.length === 0) return [];
  return splitNames(list);
}

/** All attributes of a name, sorted by name; empty where the file system has none. */
export function readXattrs(path: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of listXattrs(path).sort()) {
    const value = getXattr(path, name);
    if (value) found.set(name, value);
  }
  return found;
}

const shared = Buffer.alloc(1024);
const LARGEST = 65536; // XATTR_SIZE_MAX and XATTR_LIST_MAX, limits.h

/** Most names have no attributes, so that is told without an error: making one costs more than asking the kernel. */
const NOTHING: readonly number[] = [constants.errno.ENODATA, constants.errno.ENOTSUP, constants.errno.EOPNOTSUPP];

function readGrowing(call: (buffer: Buffer) => number, path: string): Buffer | undefined {
  let length = call(shared);
  if (length >= 0) return Buffer.from(shared.subarray(0, length));
  const errno = lastErrno();
  if (NOTHING.includes(errno)) return undefined;
  if (errno !== constants.errno.ERANGE) throw errnoError(errno, 'xattr', path);
  const large = Buffer.alloc(LARGEST);
  length = call(large);
  if (length === -1 && NOTHING.includes(lastErrno())) return undefined;
  return large.subarray(0, check(length, 'xattr', path));
}

function splitNames(list: Buffer): string[] {
  const names: string[] = [];
  for (let start = 0; start < list.length; ) {
    const end = list.indexOf(0, start);
    names.push(decodeName(list.subarray(start, end)));
    start = end + 1;
  }
  return names;
}
