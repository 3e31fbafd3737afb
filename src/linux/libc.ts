import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { EngineError, encodeName } from '../std/index.ts';

type NativeFunction = (...args: unknown[]) => number;
type Koffi = typeof import('koffi');

let loaded:
  | { koffi: Koffi; functions: Map<string, NativeFunction>; library: { func(prototype: string): NativeFunction } }
  | undefined;

/** koffi and libc, loaded at the first call so that every folder imports on systems without them. */
function load(): NonNullable<typeof loaded> {
  if (loaded) return loaded;
  if (process.platform !== 'linux') {
    throw new EngineError('NotImplemented', `this needs Linux system calls, and this is ${process.platform}`);
  }
  const koffi = requireKoffi();
  loaded = { koffi, functions: new Map(), library: koffi.load('libc.so.6') as never };
  return loaded;
}

/** koffi's native part itself: its loader finds out which of them fits, and takes five milliseconds more. Where that is another one, it does. */
function requireKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  const { arch } = process;
  try {
    return require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`) as Koffi;
  } catch {
    return require('koffi') as Koffi;
  }
}

/** The libc function with this C prototype; made once. Strings may also be given as NUL-terminated buffers. */
export function native(prototype: string): NativeFunction {
  const { functions, library } = load();
  let found = functions.get(prototype);
  if (!found) {
    found = library.func(prototype);
    functions.set(prototype, found);
  }
  return found;
}

/** koffi itself, for callers with structures of their own. */
export function loadKoffi(): Koffi {
  return load().koffi;
}

/** Result of a call that says failure as -1: throws it as Node does, with `code`, `errno`, `syscall` and `path`. */
export function check(result: number, syscall: string, path?: string): number {
  if (result !== -1) return result;
  throw errnoError(load().koffi.errno(), syscall, path);
}

/** The last call's errno, a number of errno(3). */
export function lastErrno(): number {
  return load().koffi.errno();
}

/** An error in the shape of Node's own for a failed system call. */
export function errnoError(errno: number, syscall: string, path?: string): NodeJS.ErrnoException {
  const code = nameOfErrno(errno);
  const error: NodeJS.ErrnoException = new Error(`${code}: ${syscall}${path === undefined ? '' : ` '${path}'`}`);
  error.code = code;
  error.errno = -errno;
  error.syscall = syscall;
  if (path !== undefined) error.path = path;
  return error;
}

/** A path or name as libc takes it: the string itself where that is exact, else its bytes and a NUL. */
export function cString(name: string): string | Buffer {
  return name.isWellFormed() ? name : Buffer.concat([encodeName(name), Buffer.of(0)]);
}

function nameOfErrno(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) {
    if (value === errno && name !== 'EWOULDBLOCK') return name;
  }
  return `E${errno}`;
}
