import { constants } from 'node:os';

/** What libuv has no name for on some systems still needs a number. */
const NUMBERS = constants.errno as Readonly<Record<string, number>>;

/** An error in the shape of Node's own for a failed system call: `ENOENT: no such file or directory`, with `code`, `errno`, `syscall`, `path`. */
export function errnoError(code: ErrnoName, syscall: string, path?: string): NodeJS.ErrnoException {
  const where = path === undefined ? '' : ` '${path}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${MEANINGS[code]}, ${syscall}${where}`);
  error.code = code;
  error.errno = -(NUMBERS[code] ?? 5);
  error.syscall = syscall;
  if (path !== undefined) error.path = path;
  return error;
}

/** What this folder says by itself; all else comes from the system calls below it. */
export type ErrnoName = keyof typeof MEANINGS;

const MEANINGS = {
  EAGAIN: 'its bytes are elsewhere and have to be waited for',
  EBADF: 'bad file descriptor',
  EBUSY: 'resource busy or locked',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  ELOOP: 'too many symbolic links encountered',
  ENAMETOOLONG: 'name too long',
  ENODATA: 'no such attribute',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENXIO: 'no such device or address',
  EOPNOTSUPP: 'operation not supported',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ESTALE: 'it was removed',
  EXDEV: 'a directory of lower layers can not be renamed',
} as const;
