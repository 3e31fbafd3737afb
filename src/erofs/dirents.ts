import { encodeName } from '../std/index.ts';
import type { ErofsType } from './entry.ts';
import { DIRENT, FileType } from './format.ts';
import { type Directory, lengthOf } from './tree.ts';

/** What a directory's own blocks are made of: its names with `.` and `..` among them, in the order of their bytes. */
interface Listing {
  readonly names: readonly string[];
  /** Inode of each name. */
  readonly inodes: readonly number[];
  /** For each block, the index of the first name in it; one more at the end. */
  readonly starts: readonly number[];
  /** Bytes of the last block that are used. */
  readonly tail: number;
}

/** Bytes of a directory's content: whole blocks, and then what its last names take. */
export function sizeOfDirectory(directory: Directory, block: number): number {
  let size = 0;
  let used = 0;
  const add = (length: number): void => {
    if (used + DIRENT + length > block) {
      size += block;
      used = 0;
    }
    used += DIRENT + length;
  };
  // `.` and `..` have their place in the order, and so in the blocks.
  for (const name of dotted(directory.names)) add(lengthOf(name));
  return size + used;
}

/** A directory's content; inode numbers and types by `nidOf` and `typeOf`. */
export function encodeDirectory(
  self: number,
  directory: Directory,
  { block, nidOf, typeOf }: { block: number; nidOf: (inode: number) => number; typeOf: (inode: number) => ErofsType },
): Buffer {
  const { names, inodes, starts, tail } = listingOf(self, directory, block);
  const blocks = starts.length - 1;
  const content = Buffer.alloc((blocks - 1) * block + tail);
  for (let number = 0; number < blocks; number++) {
    const [first, end] = [starts[number] as number, starts[number + 1] as number];
    const base = number * block;
    let nameAt = (end - first) * DIRENT;
    for (let at = first; at < end; at++) {
      const inode = inodes[at] as number;
      const dirent = base + (at - first) * DIRENT;
      writeUInt48(content, nidOf(inode), dirent);
      content.writeUInt16LE(nameAt, dirent + 8);
      content[dirent + 10] = FileType[typeOnDisk(typeOf(inode))];
      nameAt += writeName(content, names[at] as string, base + nameAt);
    }
  }
  return content;
}

/** A whiteout is a character device, and no inode is a hard link. */
export function typeOnDisk(type: ErofsType): keyof typeof FileType {
  return type === 'whiteout' ? 'character' : type === 'hardlink' ? 'file' : type;
}

function listingOf(self: number, { parent, names: own, inodes: numbers }: Directory, block: number): Listing {
  const names = dotted(own);
  const [dot, dotDot] = [names.indexOf('.'), names.indexOf('..')];
  const inodes: number[] = [];
  for (let at = 0, next = 0; at < names.length; at++) {
    inodes.push(at === dot ? self : at === dotDot ? parent : (numbers[next++] as number));
  }
  const starts = [0];
  let used = 0;
  for (const [at, name] of names.entries()) {
    const length = DIRENT + lengthOf(name);
    if (used + length > block) {
      starts.push(at);
      used = 0;
    }
    used += length;
  }
  return { names, inodes, starts: [...starts, names.length], tail: used };
}

/** The sorted `names` with `.` and `..` where they belong: few bytes sort before a dot. */
function dotted(names: readonly string[]): string[] {
  const placeOf = (dots: string): number => {
    const at = names.findIndex((name) => name > dots);
    return at < 0 ? names.length : at;
  };
  return [
    ...names.slice(0, placeOf('.')),
    '.',
    ...names.slice(placeOf('.'), placeOf('..')),
    '..',
    ...names.slice(placeOf('..')),
  ];
}

function writeName(content: Buffer, name: string, at: number): number {
  if (name.isWellFormed()) return content.write(name, at);
  return encodeName(name).copy(content, at);
}

function writeUInt48(content: Buffer, value: number, at: number): void {
  content.writeUIntLE(value, at, 6);
}
