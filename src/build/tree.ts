import { cleanPath } from '../dockerfile/index.ts';
import { type ByteStream, EngineError } from '../std/index.ts';

/** How many symbolic links one path may lead through: path_resolution(7). */
const MOST_LINKS = 40;

/** One name of a tree, as lstat(2) tells of it. */
export interface TreeNode {
  readonly type: 'file' | 'directory' | 'symlink' | 'character' | 'block' | 'fifo';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** A symbolic link's text. */
  readonly link?: string;
  readonly device?: { readonly major: number; readonly minor: number };
  readonly xattrs?: ReadonlyMap<string, Buffer>;
  /** Of a file that has several names: the same for each of them. */
  readonly inode?: string;
}

/** What can be looked into without changing it: a context, a stage, an image. Paths are `usr/bin/env`, the root is ''; no link is followed. */
export interface Tree {
  node(path: string): TreeNode | undefined;
  /** Names in a directory, in the order of their code units. */
  names(path: string): readonly string[];
  open(path: string): ByteStream;
  /** SHA-256 of a file's content, in hexadecimal digits. */
  digest(path: string): Promise<string>;
}

/** Only what is needed to find a path. */
export type Nodes = Pick<Tree, 'node'>;

/** Where a path leads: with every link resolved inside the tree, and `..` stopping at its root. What is missing is kept as it was asked for. */
export function resolvePath(
  tree: { node(path: string): Pick<TreeNode, 'type' | 'link'> | undefined },
  path: string,
  { followLast = true }: { followLast?: boolean } = {},
): string {
  const rest = partsOf(path).reverse();
  const done: string[] = [];
  let links = 0;
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = [...done, part].join('/');
    const node = tree.node(here);
    if (node?.type !== 'symlink' || (rest.length === 0 && !followLast)) {
      done.push(part);
      continue;
    }
    if (++links > MOST_LINKS) throw new EngineError('InvalidArgument', `too many symbolic links in ${path}`);
    const target = node.link ?? '';
    if (target.startsWith('/')) done.length = 0;
    rest.push(...partsOf(target).reverse());
  }
  return done.join('/');
}

/** `a//b/./c` is `a/b/c`: no slash at either end; `..` stays, for links decide where it leads. */
function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** A path as people type it, to the form of {@link Tree}; `..` stops at the root. */
export function treePath(path: string): string {
  return cleanPath(`/${path}`).slice(1);
}

export function joinPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
