import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import { EngineError, isErrno } from '../std/index.ts';

const O_PATH = 0o10000000;
/** How many symbolic links the kernel follows in one path: path_resolution(7). */
export const MOST_LINKS = 40;

/** A name below a root, held open: nothing that happens to its path can change what it is. */
export interface Resolved extends Disposable {
  /** O_PATH descriptor of what the path names; -1 where there is nothing yet. */
  readonly fd: number;
  /** O_PATH descriptor of the directory that it is in, or would be. */
  readonly directory: number;
  /** Its name in that directory; `.` for the root. */
  readonly name: string;
  /** The path inside the root with every link resolved, absolute. */
  readonly path: string;
  readonly stats: Stats | undefined;
}

/**
 * Finds `path` inside the directory `root` as a process with that root would: `..` stops at the root, links lead inside it. Each component
 * is opened without following links, so that a tree that changes meanwhile can't lead out. `follow: false` leaves a link at the end alone.
 * With `create`, missing directories are made on the way, root's own with mode 0755. Throws NotFound for a missing parent, InvalidArgument
 * for a parent that is no directory.
 */
export function resolveInRoot(
  root: string | number,
  path: string,
  { follow = true, create = false }: { follow?: boolean; create?: boolean } = {},
): Resolved {
  using walk = new Walk(root, path, create);
  let links = 0;
  for (;;) {
    const name = walk.next();
    if (name === undefined) return walk.resolved('.', walk.top, walk.path);
    const last = walk.rest.length === 0;
    const found = walk.open(name);
    if (found === undefined) {
      if (last) return walk.resolved(name, -1, joined(walk.path, name));
      walk.enterMissing(name);
      continue;
    }
    if (found.stats.isSymbolicLink() && (follow || !last)) {
      closeSync(found.fd);
      if (++links > MOST_LINKS) throw new EngineError('InvalidArgument', `too many symbolic links in ${path}`);
      walk.followLink(name);
    } else if (last) {
      return walk.resolved(name, found.fd, joined(walk.path, name), found.stats);
    } else {
      walk.enter(name, found.fd, found.stats);
    }
  }
}

/** The directory `path` inside `root`, made with its parents where it is missing. Returns what {@link resolveInRoot} does. */
export function makeDirectoryInRoot(
  root: string | number,
  path: string,
  {
    mode = 0o755,
    uid = 0,
    gid = 0,
    made,
  }: { mode?: number; uid?: number; gid?: number; made?: (path: string) => void } = {},
): Resolved {
  for (let attempt = 0; ; attempt++) {
    const found = resolveInRoot(root, path, { create: true });
    if (found.fd >= 0) {
      if (found.stats?.isDirectory()) return found;
      found[Symbol.dispose]();
      throw new EngineError('InvalidArgument', `${path} is no directory in the image`);
    }
    using _ = found;
    makeDirectory(found.directory, found.name, { mode, uid, gid });
    made?.(found.path);
    if (attempt > 3) throw new EngineError('Conflict', `${path} changes while it is made`);
  }
}

/** `/proc/self/fd/N`: the way to a descriptor for calls that take paths. */
export function descriptorPath(fd: number, name?: string): string {
  return name === undefined || name === '.' ? `/proc/self/fd/${fd}` : `/proc/self/fd/${fd}/${name}`;
}

class Walk implements Disposable {
  /** Components still to go, the next one last. */
  rest: string[];
  readonly #stack: { fd: number; name: string }[];
  readonly #asked: string;
  readonly #create: boolean;

  constructor(root: string | number, path: string, create: boolean) {
    if (path.includes('\0')) throw new EngineError('InvalidArgument', `invalid path ${JSON.stringify(path)}`);
    const fd = openSync(typeof root === 'number' ? `${descriptorPath(root)}/.` : root, O_PATH | constants.O_DIRECTORY);
    this.#stack = [{ fd, name: '' }];
    this.#asked = path;
    this.#create = create;
    this.rest = componentsOf(path);
  }

  get top(): number {
    return (this.#stack.at(-1) as { fd: number }).fd;
  }

  get path(): string {
    return this.#stack.map(({ name }) => name).join('/') || '/';
  }

  /** The next component that names something, `..` taken care of. */
  next(): string | undefined {
    for (;;) {
      const name = this.rest.pop();
      if (name === undefined) return undefined;
      if (name !== '..') return name;
      if (this.#stack.length > 1) closeSync((this.#stack.pop() as { fd: number }).fd);
    }
  }

  open(name: string): { fd: number; stats: Stats } | undefined {
    try {
      const fd = openSync(descriptorPath(this.top, name), O_PATH | constants.O_NOFOLLOW);
      return { fd, stats: fstatSync(fd) };
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      if (isErrno(error, 'ENAMETOOLONG'))
        throw new EngineError('InvalidArgument', `a name in ${this.#asked} is longer than the file system takes`);
      throw error;
    }
  }

  enter(name: string, fd: number, stats: Stats): void {
    if (!stats.isDirectory()) {
      closeSync(fd);
      throw new EngineError('InvalidArgument', `${joined(this.path, name)} is no directory, in ${this.#asked}`);
    }
    this.#stack.push({ fd, name });
  }

  enterMissing(name: string): void {
    if (!this.#create) throw new EngineError('NotFound', `no such directory: ${joined(this.path, name)}`);
    makeDirectory(this.top, name, { mode: 0o755, uid: 0, gid: 0 });
    this.rest.push(name); // opened like any other: somebody else may have put a link there
  }

  followLink(name: string): void {
    const target = this.#readLink(name);
    if (target.startsWith('/')) while (this.#stack.length > 1) closeSync((this.#stack.pop() as { fd: number }).fd);
    this.rest.push(...componentsOf(target));
  }

  #readLink(name: string): string {
    try {
      return readlinkSync(descriptorPath(this.top, name));
    } catch (error) {
      // Gone meanwhile; or one of the kernel's, like /proc/self, which leads nowhere for us who are not inside.
      if (isErrno(error, 'ENOENT', 'EINVAL'))
        throw new EngineError('NotFound', `no such file or directory: ${joined(this.path, name)}`);
      throw error;
    }
  }

  /** Hands the parent over to the result, and `fd` where it is not the parent itself. */
  resolved(name: string, fd: number, path: string, stats?: Stats): Resolved {
    const { fd: directory } = this.#stack.pop() as { fd: number };
    return {
      fd,
      directory,
      name,
      path,
      stats: stats ?? (fd >= 0 ? fstatSync(fd) : undefined),
      [Symbol.dispose]() {
        if (fd >= 0 && fd !== directory) closeSync(fd);
        closeSync(directory);
      },
    };
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#stack) closeSync(fd);
  }
}

function makeDirectory(
  directory: number,
  name: string,
  { mode, uid, gid }: { mode: number; uid: number; gid: number },
): void {
  try {
    mkdirSync(descriptorPath(directory, name), { mode: 0o700 });
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    throw error;
  }
  const fd = openSync(
    descriptorPath(directory, name),
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  );
  try {
    if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

/** The names in a path, the last one first: what is still to go is a stack. */
export function componentsOf(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}

function joined(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`;
}
