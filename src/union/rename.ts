import { renameSync, unlinkSync } from 'node:fs';
import { AT_FDCWD, RenameFlag, renameAt2 } from '../linux/index.ts';
import { fsPath, isErrno } from '../std/index.ts';
import { errnoError } from './errno.ts';
import type { RenameMode } from './file-system.ts';
import type { Node } from './node.ts';
import { requireName } from './tree.ts';
import type { UpperChanges } from './upper-changes.ts';
import { isWhiteout } from './upper-folder.ts';

/** One name of a directory. */
export interface Place {
  readonly directory: Node;
  readonly name: string;
}

/**
 * renameat2(2) as overlayfs does it with `redirect_dir=off`: what is no directory is copied up and renamed there, a whiteout left where layers
 * below have the old name; directories that only the writable layer has are renamed, and turn opaque over what layers below have.
 */
export function renameNode(changes: UpperChanges, from: Place, to: Place, mode: RenameMode): void {
  const source = changes.require(from.directory, from.name);
  requireName(to.name);
  const target = changes.tree.lookup(to.directory, to.name);
  if (to.directory.removed) throw errnoError('ENOENT', 'rename', to.name);
  requireAllowed({ source, target, from, to, mode });
  if (source === target) return; // two names of one file: rename(2) leaves both
  const swap = mode === 'exchange' ? target : undefined;
  if (target && !swap) requireSameKind(source, target, to.name);
  for (const node of [source, swap]) {
    if (node?.type === 'directory' && node.lowers.length > 0) throw errnoError('EXDEV', 'rename', from.name);
  }
  if (target?.type === 'directory' && !swap && changes.tree.names(target).length > 0)
    throw errnoError('ENOTEMPTY', 'rename', to.name);

  changes.copyUp(source);
  changes.copyUp(from.directory);
  changes.copyUp(to.directory);
  if (swap) exchange(changes, { ...from, node: source }, { ...to, node: swap });
  else replace(changes, { ...from, node: source }, { ...to, node: target });
  for (const { directory } of [from, to]) directory.upper?.changed();
}

interface Rename {
  readonly source: Node;
  readonly target: Node | undefined;
  readonly from: Place;
  readonly to: Place;
  readonly mode: RenameMode;
}

/** What the kernel checks before it asks a file system. */
function requireAllowed({ source, target, from, to, mode }: Rename): void {
  if (mode === 'keep' && target) throw errnoError('EEXIST', 'rename', to.name);
  if (mode === 'exchange' && !target) throw errnoError('ENOENT', 'rename', to.name);
  if (source.contains(to.directory)) throw errnoError('EINVAL', 'rename', from.name);
  if (target?.contains(from.directory))
    throw errnoError(mode === 'exchange' ? 'EINVAL' : 'ENOTEMPTY', 'rename', to.name);
}

function requireSameKind(source: Node, target: Node, name: string): void {
  if (source.type === 'directory' && target.type !== 'directory') throw errnoError('ENOTDIR', 'rename', name);
  if (source.type !== 'directory' && target.type === 'directory') throw errnoError('EISDIR', 'rename', name);
}

function pathOf({ directory, name }: Place): string {
  return `${directory.upper?.path}/${name}`;
}

function exchange(changes: UpperChanges, from: Place & { node: Node }, to: Place & { node: Node }): void {
  changes.copyUp(to.node);
  hideBelow(changes, from.node, to);
  hideBelow(changes, to.node, from);
  renameAt2(AT_FDCWD, pathOf(from), AT_FDCWD, pathOf(to), RenameFlag.exchange);
  from.node.removeName(from.directory, from.name);
  to.node.removeName(to.directory, to.name);
  settle(from.node, to);
  settle(to.node, from);
}

function replace(changes: UpperChanges, from: Place & { node: Node }, to: Place & { node: Node | undefined }): void {
  const { tree, upper } = changes;
  const [source, target] = [from.node, to.node];
  hideBelow(changes, source, to);
  const last = target && tree.attributes(target);
  const kept = target !== undefined && changes.keepOpen(target);
  if (target?.type === 'directory' && target.upper) upper.clear(target.upper.path);

  const leavesWhiteout = tree.isBelow(from.directory, from.name);
  const overWhiteout = !target?.upper && isWhiteout(pathOf(to));
  if (overWhiteout && (leavesWhiteout || source.type === 'directory')) {
    renameAt2(AT_FDCWD, pathOf(from), AT_FDCWD, pathOf(to), RenameFlag.exchange);
    if (!leavesWhiteout) unlinkSync(fsPath(pathOf(from)));
  } else if (leavesWhiteout) {
    renameToWhiteout(changes, pathOf(from), pathOf(to));
  } else {
    renameSync(fsPath(pathOf(from)), fsPath(pathOf(to)));
  }

  if (target && last) changes.detach(target, to.directory, to.name, { last, kept });
  source.removeName(from.directory, from.name);
  settle(source, to);
}

/** A directory must not show what layers below have at its new name. */
function hideBelow({ tree, upper }: UpperChanges, node: Node, at: Place): void {
  if (node.type === 'directory' && node.upper && tree.isBelow(at.directory, at.name))
    upper.marks.setOpaque(node.upper.path);
}

function renameToWhiteout({ upper }: UpperChanges, from: string, to: string): void {
  try {
    renameAt2(AT_FDCWD, from, AT_FDCWD, to, RenameFlag.whiteout);
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) throw error; // a file system that can't do it at once
    renameSync(fsPath(from), fsPath(to));
    upper.whiteout(from);
  }
}

/** The node has its new name; so has what is known below it. */
function settle(node: Node, to: Place): void {
  node.addName(to.directory, to.name);
  if (!node.upper) return;
  const [first] = node.names;
  if (first) node.upper.path = pathOf({ directory: first.parent, name: first.name });
  node.upper.changed();
  repath(node);
}

function repath(directory: Node): void {
  for (const child of directory.children?.values() ?? []) {
    const [first] = child.names;
    if (!child.upper || first?.parent !== directory) continue;
    child.upper.path = pathOf({ directory, name: first.name });
    repath(child);
  }
}
