import { EngineError } from '../std/index.ts';
import {
  type Ancestor,
  type ChangeWalk,
  nodeAt,
  requireStats,
  sortedNames,
  UpperWalk,
  unhurried,
} from './change-list.ts';
import { sameAttributes, sameOwner } from './compare.ts';
import { isOpaque, isWhiteout, lookUp, overlayMark } from './lower.ts';
import { joinPath } from './names.ts';
import { OpenDirectories, pathAt } from './open-directories.ts';
import type { Change } from './toc.ts';

const S_IFDIR = 0o040000n;

/**
 * What an overlay mount's upper directory changed against its lower directories, newest first: whiteouts are deletes where something was
 * there to delete, and all else that the kernel copied up or made is told, directories that only hold changes as well. Order as in
 * `diffTrees`. Conflict where the upper was written with `redirect_dir` or `metacopy`, which no layer can say.
 */
export function overlayChanges(upper: string, lowers: readonly string[]): AsyncGenerator<Change, void> {
  return unhurried(walkRoot(upper, lowers));
}

function* walkRoot(root: string, lowers: readonly string[]): ChangeWalk {
  const walk = new UpperWalk(root);
  using directories = new OpenDirectories(root);
  if (rootChanged(pathAt(directories.root, '.'), lowers[0])) yield* walk.tell('modify', '', []);
  yield* walkDirectory(walk, { path: '', fd: directories.root, lowers, ancestors: [] });
}

function rootChanged(upper: string, lower: string | undefined): boolean {
  const stats = requireStats(upper);
  if (lower !== undefined) return !sameOwner(requireStats(lower), stats) || !sameAttributes(lower, upper);
  return stats.mode !== (S_IFDIR | 0o755n) || stats.uid !== 0n || stats.gid !== 0n;
}

interface Here {
  readonly path: string;
  readonly fd: number;
  /** The directories that merge here, newest first. */
  readonly lowers: readonly string[];
  readonly ancestors: readonly Ancestor[];
}

function* walkDirectory(walk: UpperWalk, here: Here): ChangeWalk {
  for (const name of sortedNames(pathAt(here.fd, '.'))) {
    if (walk.tired()) yield undefined;
    const path = joinPath(here.path, name);
    const old = lookUp(here.lowers, name);
    const now = nodeAt(here.fd, name);
    if (!now || isWhiteout(now.path, now.stats)) {
      if (old) yield* walk.tell('delete', path, here.ancestors);
      continue;
    }
    const isDirectory = now.stats.isDirectory();
    if (overlayMark(now.path, isDirectory ? 'redirect' : 'metacopy')) throw notPackable(path);
    const opaque = isDirectory && isOpaque(now.path);
    const hides = opaque && old?.stats.isDirectory() === true;
    yield* walk.tell(old ? 'modify' : 'add', path, here.ancestors, hides);
    if (!isDirectory) continue;
    const ancestors = [...here.ancestors, { path, told: true }];
    const lowers = opaque ? [] : (old?.directories ?? []);
    yield* walk.within(here.fd, name, (fd) => walkDirectory(walk, { path, fd, lowers, ancestors }));
  }
}

function notPackable(path: string): EngineError {
  return new EngineError(
    'Conflict',
    `${path} was changed under an overlay mount with redirect_dir or metacopy; mount with index=off,metacopy=off,redirect_dir=off`,
  );
}
