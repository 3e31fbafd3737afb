import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { EngineError, isErrno } from '../std/index.ts';

/** What a failed system call was to do with its path; the others are named as they are. */
const DEEDS: Readonly<Record<string, string>> = {
  open: 'open',
  mkdir: 'make the folder',
  mkdtemp: 'make a folder at',
  rename: 'write',
  write: 'write',
  fsync: 'write',
  ftruncate: 'write',
  unlink: 'remove',
  rmdir: 'remove',
  rm: 'remove',
  stat: 'look at',
  lstat: 'look at',
  scandir: 'list',
  opendir: 'list',
  read: 'read',
  readlink: 'read',
  symlink: 'make the link',
  link: 'make the link',
  chmod: 'change',
  chown: 'change',
  spawn: 'start',
};
const LONGEST_PATH = 200;

/** What to tell a person about `error`: a system call's failure in words, with the file that was meant. */
export function tellError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof EngineError || !isSystemError(error)) return error.message || error.name;
  const path = (error.syscall === 'rename' ? error.dest : undefined) ?? error.path;
  const deed = error.syscall.split(' ')[0] as string; // "spawn /bin/x"
  const what = path === undefined ? `${deed} failed` : `can't ${DEEDS[deed] ?? deed} ${shortened(plainName(path))}`;
  return `${what}: ${reasonOf(causeOf(error))}`;
}

/** A failed system call on the file or folder that a flag names, told by the flag; any other error as it is. */
export function flagError(flag: string, path: string, error: unknown): unknown {
  if (error instanceof EngineError || !(error instanceof Error) || !isSystemError(error)) return error;
  const tried = [error.path, error.dest].flatMap((each) => (each === undefined ? [] : [resolve(plainName(each))]));
  if (!tried.includes(resolve(path))) return error;
  return new EngineError('InvalidArgument', `--${flag} ${shortened(path)}: ${reasonOf(error)}`, { cause: error });
}

interface SystemError extends Error {
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
  readonly dest?: string;
}

function isSystemError(error: Error): error is SystemError {
  return 'syscall' in error && typeof error.syscall === 'string' && 'errno' in error && typeof error.errno === 'number';
}

/** Node's recursive mkdir says ENOENT of a read-only file system too (Node 24): the nearest folder above tells why. */
function causeOf(error: SystemError): SystemError {
  if (error.syscall !== 'mkdir' || !isErrno(error, 'ENOENT') || error.path === undefined) return error;
  let folder = dirname(error.path);
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  try {
    accessSync(folder, constants.W_OK);
    return error;
  } catch (cause) {
    return cause as SystemError;
  }
}

function reasonOf({ errno, message }: SystemError): string {
  try {
    return getSystemErrorMessage(errno) ?? message;
  } catch {
    return message; // a number that Node does not know
  }
}

/** Without what a file is called while it is written. */
function plainName(path: string): string {
  return path.replace(/\.tmp-[0-9a-f]{12}$/, '');
}

function shortened(path: string): string {
  return path.length <= LONGEST_PATH ? path : `${path.slice(0, 120)}…${path.slice(-60)}`;
}
