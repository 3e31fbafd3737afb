import {
  chmodSync,
  chownSync,
  constants as fs,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { AT_FDCWD, mknodAt, setXattr } from '../../src/linux/index.ts';

/** Where one case works. */
export interface Folder {
  readonly path: string;
  at(name: string): string;
}

/** A case: its name, and what it does; what it returns or throws must be the same everywhere. */
export type Case = readonly [name: string, run: (on: Folder) => unknown];

export function folderOf(path: string): Folder {
  return { path, at: (name) => (name === '' ? path : `${path}/${name}`) };
}

/** What a call gives: its value, or the errno that it failed with. */
export function outcomeOf(call: () => unknown): unknown {
  try {
    const value = call();
    return value === undefined ? 'ok' : value;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code?.startsWith('E') && !code.startsWith('ERR_')) return code;
    throw error;
  }
}

/** Several calls, each with what it gave. */
export function outcomesOf(...calls: (() => unknown)[]): unknown[] {
  return calls.map(outcomeOf);
}

export const OTHER = 1000;
const BIG = 300_000;

/** What every case finds of the lower layers. */
export function fillLower(path: string): void {
  const at = (name: string): string => join(path, name);
  for (const name of ['dir/sub', 'merged', 'empty', 'open', 'sticky', 'group', 'owned']) {
    mkdirSync(at(name), { recursive: true });
  }
  for (const name of ['file', 'other', 'dir/inner', 'dir/sub/deep', 'merged/below', 'sticky/theirs', 'owned/mine']) {
    writeFileSync(at(name), `lower ${name}`);
  }
  writeFileSync(at('big'), Buffer.alloc(BIG, 'big '));
  writeFileSync(at('sparse'), 'data');
  truncateSync(at('sparse'), 1 << 20);
  writeFileSync(at('setuid'), 'x');
  chownSync(at('setuid'), OTHER, OTHER);
  chmodSync(at('setuid'), 0o6755);
  writeFileSync(at('theirs'), 'theirs');
  chownSync(at('theirs'), OTHER, OTHER);
  writeFileSync(at('secret'), 'secret');
  chmodSync(at('secret'), 0o600);
  writeFileSync(at('noted'), 'noted');
  setXattr(at('noted'), 'user.note', Buffer.from('lower'));
  writeFileSync(at('hard1'), 'hard');
  linkSync(at('hard1'), at('hard2'));
  symlinkSync('file', at('link'));
  symlinkSync('nowhere', at('dangling'));
  symlinkSync('loop', at('loop'));
  symlinkSync('dir', at('dirlink'));
  mknodAt(AT_FDCWD, at('fifo'), fs.S_IFIFO | 0o644, 0n);
  chmodSync(at('open'), 0o777);
  chmodSync(at('sticky'), 0o1777);
  chownSync(at('sticky/theirs'), 2000, 2000);
  chownSync(at('group'), 0, 100);
  chmodSync(at('group'), 0o2777);
  chownSync(at('owned'), OTHER, OTHER);
  chownSync(at('owned/mine'), OTHER, OTHER);
}

/** What a case finds of the layer above those, and of the writable one: made through the mount. */
export function fillUpper(path: string): void {
  const at = (name: string): string => join(path, name);
  writeFileSync(at('new'), 'upper new');
  mkdirSync(at('newdir'));
  writeFileSync(at('newdir/inner'), 'upper inner');
  mkdirSync(at('newempty'));
  mkdirSync(at('merged'), { recursive: true });
  writeFileSync(at('merged/above'), 'upper above');
  symlinkSync('new', at('newlink'));
  writeFileSync(at('newbig'), Buffer.alloc(BIG, 'new '));
  writeFileSync(at('newhard1'), 'newhard');
  linkSync(at('newhard1'), at('newhard2'));
}

/** All that a folder shows, but what differs by nature: numbers and times. */
export function summaryOf(path: string, prefix = ''): string[] {
  return readdirSync(path)
    .sort()
    .flatMap((name) => {
      const at = `${path}/${name}`;
      const file = lstatSync(at);
      const said = [`${prefix}${name}`, file.mode.toString(8), `${file.uid}:${file.gid}`];
      if (file.isDirectory()) return [said.join(' '), ...summaryOf(at, `${prefix}${name}/`)];
      said.push(`${file.nlink}`);
      if (file.isFile()) said.push(`${file.size}`, readFileSync(at).subarray(0, 40).toString('latin1'));
      if (file.isSymbolicLink()) said.push(readlinkSync(at));
      return [said.join(' ')];
    });
}

/** Runs as another user than root, files alone: the effective ids. */
export function as<T>(uid: number, gid: number, call: () => T): T {
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return call();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
