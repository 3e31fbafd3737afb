import { EngineError, encodeName } from '../std/index.ts';
import type { ErofsEntry } from './entry.ts';

/** NAME_MAX, linux/limits.h. */
const LONGEST_NAME = 255;

/** The tree as inodes, by number: 0 is the root. Arrays and not objects, since a layer may have a million. */
export interface Tree {
  /** What describes each inode: the first name that has it. */
  readonly entries: readonly ErofsEntry[];
  readonly links: Uint32Array;
  /** Names in each directory, in the order of their bytes. */
  readonly directories: ReadonlyMap<number, Directory>;
  /** Directories in the order in which they are laid out: each before those below it. */
  readonly order: readonly number[];
}

export interface Directory {
  readonly parent: number;
  readonly names: string[];
  /** The inode of each name. */
  readonly inodes: number[];
}

/** Makes inodes of names. Throws InvalidArgument where the entries are no tree. */
export function treeOf(source: Iterable<ErofsEntry>): Tree {
  const entries: ErofsEntry[] = [];
  const directories = new Map<number, Directory>();
  const byPath = new Map<string, number>(); // of directories, and below of what has other names
  const hardLinks: ErofsEntry[] = [];
  const named = new Map<string, number>();
  let lastPath: string | undefined;
  let lastParent = 0;

  const parentOf = (path: string): number => {
    const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    if (parent !== lastPath) {
      const found = byPath.get(parent);
      if (found === undefined) throw refused(path, `has no directory ${JSON.stringify(parent)} before it`);
      [lastPath, lastParent] = [parent, found];
    }
    return lastParent;
  };
  const nameIn = (path: string, inode: number): number => {
    const parent = parentOf(path);
    const directory = directories.get(parent) as Directory;
    directory.names.push(requireName(path));
    directory.inodes.push(inode);
    return parent;
  };

  for (const entry of source) {
    if (entry.type !== 'hardlink') continue;
    hardLinks.push(entry);
    named.set(entry.link ?? '', -1);
  }
  for (const entry of source) {
    const { path, type } = entry;
    if (type === 'hardlink') continue;
    const inode = entries.push(entry) - 1;
    if ((inode === 0) !== (path === '')) throw refused(path, 'stands where the root, and only it, must be first');
    const parent = inode === 0 ? 0 : nameIn(path, inode);
    if (type === 'directory') {
      byPath.set(path, inode);
      directories.set(inode, { parent, names: [], inodes: [] });
    } else if (named.has(path)) named.set(path, inode);
  }
  if (entries[0]?.type !== 'directory') throw refused('', 'is the root and no directory');

  const links = new Uint32Array(entries.length).fill(1);
  for (const { path, link } of hardLinks) {
    const inode = named.get(link ?? '') ?? -1;
    if (inode < 0) throw refused(path, `links to ${JSON.stringify(link)}, which is no file of this tree`);
    nameIn(path, inode);
    links[inode] = (links[inode] as number) + 1;
  }
  for (const [inode, { parent }] of directories) {
    links[inode] = (links[inode] as number) + 1; // its own `.`
    if (inode !== 0) links[parent] = (links[parent] as number) + 1;
  }
  for (const directory of directories.values()) sort(directory);
  return { entries, links, directories, order: depthFirst(directories) };
}

/** Bytes of a name; no buffer is made for the plain ones. */
export function lengthOf(name: string): number {
  return name.isWellFormed() ? Buffer.byteLength(name) : encodeName(name).length;
}

function sort(directory: Directory): void {
  const { names, inodes } = directory;
  const order = Array.from(names, (_, at) => at);
  // Code units sort as bytes of UTF-8 do, below the surrogates.
  if (names.some((name) => /[\ud800-\uffff]/.test(name))) {
    const bytes = names.map(encodeName);
    order.sort((a, b) => Buffer.compare(bytes[a] as Buffer, bytes[b] as Buffer));
  } else {
    order.sort((a, b) => ((names[a] as string) < (names[b] as string) ? -1 : 1));
  }
  const sorted = order.map((at) => names[at] as string);
  for (const [at, name] of sorted.entries()) {
    if (at > 0 && name === sorted[at - 1]) throw refused(name, 'stands twice in its directory');
    names[at] = name;
  }
  const numbers = order.map((at) => inodes[at] as number);
  for (const [at, inode] of numbers.entries()) inodes[at] = inode;
}

/** Directories, each followed by those below it, so that what is read together lies together. */
function depthFirst(directories: ReadonlyMap<number, Directory>): number[] {
  const order: number[] = [];
  const pending = [0];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    order.push(next);
    const { inodes } = directories.get(next) as Directory;
    for (let at = inodes.length - 1; at >= 0; at -= 1) {
      if (directories.has(inodes[at] as number)) pending.push(inodes[at] as number);
    }
  }
  return order;
}

function requireName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (name === '' || name === '.' || name === '..' || name.includes('\0')) throw refused(path, 'is no name of a file');
  if (name.length * 3 > LONGEST_NAME && lengthOf(name) > LONGEST_NAME)
    throw refused(path, `has a name longer than ${LONGEST_NAME} bytes`);
  return name;
}

function refused(path: string, why: string): EngineError {
  return new EngineError('InvalidArgument', `EROFS image: ${JSON.stringify(path === '' ? '/' : path)} ${why}`);
}
