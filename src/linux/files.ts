import { check, cString, lastErrno, loadKoffi, native } from './libc.ts';

/** `AT_FDCWD`, fcntl.h: names are relative to the working directory. */
export const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_EMPTY_PATH = 0x1000;

/** Flags of open(2) that Node has no constants for or that code here needs by name. */
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

/** openat(2), always close-on-exec. `flags` from `fs.constants`. Returns a file descriptor that `fs.closeSync` closes. */
export function openAt(directory: number, name: string, flags: number, mode = 0): number {
  return check(
    native('int openat(int, const char *, int, int)')(directory, cString(name), flags | O_CLOEXEC, mode),
    'openat',
    name,
  );
}

/** close(2) without Node's bookkeeping: for descriptors of {@link openAt} in hot loops. */
export function closeFd(fd: number): void {
  native('int close(int)')(fd);
}

export function mkdirAt(directory: number, name: string, mode: number): void {
  check(native('int mkdirat(int, const char *, int)')(directory, cString(name), mode), 'mkdirat', name);
}

/** mknodat(2): `mode` with its type bits (`S_IFCHR` …), `device` by {@link makeDevice}. */
export function mknodAt(directory: number, name: string, mode: number, device: bigint): void {
  check(
    native('int mknodat(int, const char *, int, uint64_t)')(directory, cString(name), mode, device),
    'mknodat',
    name,
  );
}

export function symlinkAt(target: string, directory: number, name: string): void {
  check(
    native('int symlinkat(const char *, int, const char *)')(cString(target), directory, cString(name)),
    'symlinkat',
    name,
  );
}

/** linkat(2) without following a link at the old name. */
export function linkAt(oldDirectory: number, oldName: string, newDirectory: number, newName: string): void {
  check(
    native('int linkat(int, const char *, int, const char *, int)')(
      oldDirectory,
      cString(oldName),
      newDirectory,
      cString(newName),
      0,
    ),
    'linkat',
    newName,
  );
}

export function unlinkAt(directory: number, name: string): void {
  check(native('int unlinkat(int, const char *, int)')(directory, cString(name), 0), 'unlinkat', name);
}

export function rmdirAt(directory: number, name: string): void {
  check(native('int unlinkat(int, const char *, int)')(directory, cString(name), AT_REMOVEDIR), 'rmdirat', name);
}

export function renameAt(oldDirectory: number, oldName: string, newDirectory: number, newName: string): void {
  check(
    native('int renameat(int, const char *, int, const char *)')(
      oldDirectory,
      cString(oldName),
      newDirectory,
      cString(newName),
    ),
    'renameat',
    newName,
  );
}

/** Flags of renameat2(2), linux/fs.h. */
export const RenameFlag = { noReplace: 1, exchange: 2, whiteout: 4 } as const;

/** renameat2(2): glibc 2.28. */
export function renameAt2(
  oldDirectory: number,
  oldName: string,
  newDirectory: number,
  newName: string,
  flags: number,
): void {
  check(
    native('int renameat2(int, const char *, int, const char *, unsigned int)')(
      oldDirectory,
      cString(oldName),
      newDirectory,
      cString(newName),
      flags,
    ),
    'renameat2',
    newName,
  );
}

/** Owner of a name, links themselves included; `name` '' means the descriptor itself. */
export function chownAt(directory: number, name: string, uid: number, gid: number): void {
  const flags = name === '' ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  check(
    native('int fchownat(int, const char *, uint32_t, uint32_t, int)')(directory, cString(name), uid, gid, flags),
    'fchownat',
    name,
  );
}

/** chmod of an open file. Links have no mode on Linux. */
export function chmodFd(fd: number, mode: number): void {
  check(native('int fchmod(int, uint32_t)')(fd, mode), 'fchmod');
}

/** chmod of a name that the caller knows to be no link (a device, a fifo): fchmodat(2) follows links. */
export function chmodAt(directory: number, name: string, mode: number): void {
  check(native('int fchmodat(int, const char *, uint32_t, int)')(directory, cString(name), mode, 0), 'fchmodat', name);
}

const times = Buffer.alloc(32);

/** Access and modification time of a name, links themselves included, in nanoseconds since 1970; `name` '' means the descriptor itself. */
export function utimesAt(directory: number, name: string, atime: bigint, mtime: bigint): void {
  writeTimespec(0, atime);
  writeTimespec(16, mtime);
  const result =
    name === ''
      ? native('int futimens(int, const void *)')(directory, times)
      : native('int utimensat(int, const char *, const void *, int)')(
          directory,
          cString(name),
          times,
          AT_SYMLINK_NOFOLLOW,
        );
  check(result, 'utimensat', name);
}

const UTIME_NOW = 0x3fffffffn; // utimensat(2)
const UTIME_OMIT = 0x3ffffffen;

/** {@link utimesAt} by name, each time on its own: the system's clock for `now`, as it is where undefined. */
export function changeTimesAt(
  directory: number,
  name: string,
  atime: bigint | 'now' | undefined,
  mtime: bigint | 'now' | undefined,
): void {
  for (const [at, time] of [
    [0, atime],
    [16, mtime],
  ] as const) {
    if (typeof time === 'bigint') writeTimespec(at, time);
    else times.writeBigInt64LE(time === 'now' ? UTIME_NOW : UTIME_OMIT, at + 8);
  }
  check(
    native('int utimensat(int, const char *, const void *, int)')(directory, cString(name), times, AT_SYMLINK_NOFOLLOW),
    'utimensat',
    name,
  );
}

function writeTimespec(at: number, nanoseconds: bigint): void {
  const billion = 1_000_000_000n;
  let seconds = nanoseconds / billion;
  let rest = nanoseconds % billion;
  if (rest < 0n) {
    rest += billion;
    seconds -= 1n;
  }
  times.writeBigInt64LE(seconds, at);
  times.writeBigInt64LE(rest, at + 8);
}

/** Makes everything written to the file system of `fd` durable: syncfs(2). Blocks its thread. */
export function syncFileSystem(fd: number): void {
  check(native('int syncfs(int)')(fd), 'syncfs');
}

/** fallocate(2): `mode` holds its flags. */
export function allocateFile(fd: number, mode: number, offset: number, length: number): void {
  check(native('int fallocate(int, int, int64_t, int64_t)')(fd, mode, offset, length), 'fallocate');
}

const ENXIO = 6;
const SEEK = { data: 3, hole: 4 } as const; // lseek(2)

/** The next data or hole of an open file at or after `offset`; undefined past the last data. A file system that knows no holes calls all data. */
export function seekFile(fd: number, offset: number, whence: keyof typeof SEEK): number | undefined {
  const result = Number(native('int64_t lseek(int, int64_t, int)')(fd, offset, SEEK[whence]));
  if (result === -1 && lastErrno() === ENXIO) return undefined;
  return check(result, 'lseek');
}

const FICLONE = 0x40049409;

/** Shares `source`'s extents with the empty file `target` (ioctl FICLONE); false where the file system can't. */
export function cloneFile(target: number, source: number): boolean {
  return native('int ioctl(int, unsigned long, long)')(target, FICLONE, source) === 0;
}

/** `dev_t` of glibc for {@link mknodAt}. */
export function makeDevice(major: number, minor: number): bigint {
  const [M, m] = [BigInt(major), BigInt(minor)];
  return ((M & 0xfffn) << 8n) | ((M & 0xfffff000n) << 32n) | (m & 0xffn) | ((m & 0xffffff00n) << 12n);
}

/** The parts of a `dev_t`, as in `stats.rdev`. */
export function splitDevice(device: number | bigint): { major: number; minor: number } {
  const d = BigInt(device);
  return {
    major: Number(((d >> 8n) & 0xfffn) | ((d >> 32n) & 0xfffff000n)),
    minor: Number((d & 0xffn) | ((d >> 12n) & 0xffffff00n)),
  };
}

const STATX_DIOALIGN = 0x2000;
/** Size of `struct statx`, and where its mask and `stx_dio_offset_align` are; linux/stat.h. */
const STATX = { size: 256, mask: 0, offsetAlign: 156 };

/** To what bounds direct I/O on a file must keep, in bytes; 0 where it can't be, undefined where the kernel (before 6.1) or the file system does not say. */
export function directAlignmentOf(path: string): number | undefined {
  const buffer = Buffer.alloc(STATX.size);
  const statx = native('int statx(int, const char *, int, uint32_t, void *)');
  check(statx(AT_FDCWD, cString(path), 0, STATX_DIOALIGN, buffer), 'statx', path);
  const told = (buffer.readUInt32LE(STATX.mask) & STATX_DIOALIGN) !== 0;
  return told ? buffer.readUInt32LE(STATX.offsetAlign) : undefined;
}

/** Memory that begins at a multiple of `alignment`, as direct I/O asks for. */
export function alignedBuffer(size: number, alignment: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(size + alignment);
  const address = BigInt(loadKoffi().address(whole));
  const skip = Number((BigInt(alignment) - (address % BigInt(alignment))) % BigInt(alignment));
  return whole.subarray(skip, skip + size);
}
