import { encodeName } from '../std/index.ts';
import { errnoError } from './errno.ts';
import type { FileSystem, Inode } from './file-system.ts';

/** As the kernel has them: MAXSYMLINKS of linux/namei.h, PATH_MAX of limits.h with its NUL. */
const MAX_LINKS = 40;
const PATH_MAX = 4095;

/** Where a path leads. */
export interface Place {
  /** The directories from the root to the one that the last name is in. */
  readonly ancestors: readonly Inode[];
  readonly directory: Inode;
  /** The last name; for what has none a word for it: `/`, `.`, `..`. */
  readonly name: string;
  /** Undefined where there is nothing. */
  readonly inode: Inode | undefined;
  /** The path ended in a slash: it means a directory. */
  readonly slash: boolean;
  /** Without symbolic links, absolute. */
  readonly path: string;
}

/** Whether the last name is one that can be made, renamed or removed. */
export function isPlain({ name }: Place): boolean {
  return name !== '/' && name !== '.' && name !== '..';
}

/**
 * What a path is followed for: what it leads to; a link itself (but not before a slash); the name at its end, whatever that is; a file that may
 * be made where the path leads, or, `new`, that has to be.
 */
export type Aim = 'target' | 'itself' | 'name' | 'create' | 'new';

/**
 * Follows a path from the root, absolute or not, the kernel's way: symbolic links lead to where they lead inside the tree, `..` of the root is
 * the root.
 */
export function walkPath(files: FileSystem, path: string, aim: Aim): Place {
  if (path === '') throw errnoError('ENOENT', 'open', path);
  if (path.includes('\0')) throw errnoError('EINVAL', 'open', path);
  if (path.length * 3 > PATH_MAX && encodeName(path).length > PATH_MAX) throw errnoError('ENAMETOOLONG', 'open', path);
  return new Walk(files, path, aim).run();
}

class Walk {
  readonly #files: FileSystem;
  readonly #whole: string;
  /** The directories that the walk is in, the root first, and their names. */
  #ancestors: Inode[];
  #names: string[] = [];
  /** What is left of the path, the next part last. */
  readonly #rest: string[];
  #slash: boolean;
  #links = 0;
  readonly #aim: Aim;

  constructor(files: FileSystem, path: string, aim: Aim) {
    this.#aim = aim;
    this.#files = files;
    this.#whole = path;
    this.#ancestors = [files.root];
    this.#rest = partsOf(path);
    this.#slash = path.endsWith('/');
  }

  run(): Place {
    let last = '/';
    for (let part = this.#rest.pop(); part !== undefined; part = this.#rest.pop()) {
      last = part;
      if (part === '.') continue;
      if (part === '..') {
        if (this.#ancestors.length > 1) this.#ancestors.pop();
        this.#names.pop();
        continue;
      }
      const directory = this.#here;
      const isLast = this.#rest.length === 0;
      if (isLast && this.#aim === 'name') return this.#name(directory, part);
      if (isLast && this.#slash && this.#creates) throw errnoError('EISDIR', 'open', this.#whole);
      const inode = this.#files.lookup(directory, part);
      if (inode?.type === 'symlink' && (!isLast || this.#followsLast())) {
        this.#enterLink(inode, part, isLast);
        last = '/';
      } else if (isLast) {
        return this.#arrive(directory, part, inode);
      } else {
        if (!inode) throw errnoError('ENOENT', 'open', this.#whole);
        if (inode.type !== 'directory') throw errnoError('ENOTDIR', 'open', this.#whole);
        this.#ancestors.push(inode);
        this.#names.push(part);
      }
    }
    const path = `/${this.#names.join('/')}`;
    return { ...this.#place, name: last, inode: this.#here, path };
  }

  #followsLast(): boolean {
    return this.#aim === 'target' || this.#aim === 'create' || (this.#aim === 'itself' && this.#slash);
  }

  get #creates(): boolean {
    return this.#aim === 'create' || this.#aim === 'new';
  }

  get #here(): Inode {
    return this.#ancestors.at(-1) as Inode;
  }

  get #place(): Pick<Place, 'ancestors' | 'directory' | 'slash'> {
    return { ancestors: this.#ancestors, directory: this.#here, slash: this.#slash };
  }

  #arrive(directory: Inode, name: string, inode: Inode | undefined): Place {
    if (this.#slash && inode && inode.type !== 'directory') throw errnoError('ENOTDIR', 'open', this.#whole);
    return { ...this.#place, directory, name, inode, path: `/${[...this.#names, name].join('/')}` };
  }

  /** Looked up when it is asked for: a caller with two paths has what is wrong with their directories first. */
  #name(directory: Inode, name: string): Place {
    const files = this.#files;
    let found: { inode: Inode | undefined } | undefined;
    return {
      ...this.#place,
      name,
      path: `/${[...this.#names, name].join('/')}`,
      get inode() {
        found ??= { inode: files.lookup(directory, name) };
        return found.inode;
      },
    };
  }

  #enterLink(inode: Inode, name: string, isLast: boolean): void {
    this.#links += 1;
    if (this.#links > MAX_LINKS) throw errnoError('ELOOP', 'open', this.#whole);
    const target = this.#files.readlink(inode);
    if (target === '') throw errnoError('ENOENT', 'open', name);
    if (isLast && target.endsWith('/')) this.#slash = true;
    if (target.startsWith('/')) {
      this.#ancestors = [this.#files.root];
      this.#names = [];
    }
    this.#rest.push(...partsOf(target));
  }
}

/** The last part first. */
function partsOf(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '')
    .reverse();
}
