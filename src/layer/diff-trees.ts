import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { encodeName, fsPath } from '../std/index.ts';
import {
  type Ancestor,
  type ChangeWalk,
  nodeAt,
  requireStats,
  sortedNames,
  UpperWalk,
  unhurried,
} from './change-list.ts';
import { type CompareOptions, type Node, sameAttributes, sameNode, sameOwner } from './compare.ts';
import { joinPath } from './names.ts';
import { OpenDirectories, pathAt } from './open-directories.ts';
import type { Change } from './toc.ts';

/**
 * What `upper` changed against `lower`, two whole directory trees; without `lower` all of it is new. Directories come before what is in
 * them, names in the order of their bytes. A directory is told as modified when anything below it changed; the root only when its owner,
 * mode or attributes did. Names of one inode are told together. Sockets are left out.
 */
export function diffTrees(
  lower: string | undefined,
  upper: string,
  options: CompareOptions = {},
): AsyncGenerator<Change, void> {
  return unhurried(walkRoot(lower, upper, options));
}

function* walkRoot(lower: string | undefined, root: string, options: CompareOptions): ChangeWalk {
  const walk = new UpperWalk(root);
  using directories = new OpenDirectories(root);
  const stats = requireStats(pathAt(directories.root, '.'));
  if (lower === undefined) yield* walk.tell('add', '', []);
  else if (!sameOwner(requireStats(lower), stats) || !sameAttributes(lower, pathAt(directories.root, '.')))
    yield* walk.tell('modify', '', []);
  yield* walkDirectory(walk, { path: '', fd: directories.root, lower, ancestors: [] }, options);
}

interface Here {
  readonly path: string;
  readonly fd: number;
  /** The same directory in the lower tree; undefined where there is none. */
  readonly lower: string | undefined;
  readonly ancestors: readonly Ancestor[];
}

function* walkDirectory(walk: UpperWalk, here: Here, options: CompareOptions): ChangeWalk {
  const before = here.lower === undefined ? [] : sortedNames(here.lower);
  for (const name of mergeSorted(before, sortedNames(pathAt(here.fd, '.')))) {
    if (walk.tired()) yield undefined;
    const path = joinPath(here.path, name);
    const old = here.lower === undefined ? undefined : lowerNode(join(here.lower, name));
    const now = nodeAt(here.fd, name);
    if (!now) {
      if (old) yield* walk.tell('delete', path, here.ancestors);
      continue;
    }
    const same = old !== undefined && sameNode(old, now, options);
    if (!same) yield* walk.tell(old ? 'modify' : 'add', path, here.ancestors);
    if (!now.stats.isDirectory()) continue;
    if (same && old.stats.ino === now.stats.ino && old.stats.dev === now.stats.dev) continue;
    const ancestors = [...here.ancestors, { path, told: !same }];
    const lower = old?.stats.isDirectory() ? old.path : undefined;
    yield* walk.within(here.fd, name, (fd) => walkDirectory(walk, { path, fd, lower, ancestors }, options));
  }
}

function lowerNode(path: string): Node | undefined {
  const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  return stats && !stats.isSocket() ? { path, stats } : undefined;
}

/** Both lists' names once each, in the order of their bytes. */
function* mergeSorted(a: readonly string[], b: readonly string[]): Generator<string, void> {
  let [left, right] = [0, 0];
  while (left < a.length || right < b.length) {
    const [one, two] = [a[left], b[right]];
    const order = one === two ? 0 : one === undefined ? 1 : two === undefined ? -1 : compareNames(one, two);
    yield (order <= 0 ? one : two) as string;
    if (order <= 0) left += 1;
    if (order >= 0) right += 1;
  }
}

function compareNames(a: string, b: string): number {
  return Buffer.compare(encodeName(a), encodeName(b));
}
