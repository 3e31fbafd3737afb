import type { TocEntry } from '../layer/index.ts';
import { nodeAt, type UnionNode, walkUnion } from './merge.ts';

/** A name that two trees differ in; sizes are those of files, 0 for all else. */
export interface TreeDifference {
  readonly kind: 'added' | 'changed' | 'removed';
  readonly path: string;
  readonly type: TocEntry['type'];
  /** Absent for what was added. */
  readonly before?: number;
  /** Absent for what was removed. */
  readonly after?: number;
}

/**
 * What is in `after` and not in `before`, and the reverse, by name in order. Files are compared as tables tell them: kind, mode, owner, size,
 * time, link and attributes: a file of the same size and time counts as the same, as it does for make and rsync. Of what was added or removed
 * whole every name is told.
 */
export function* compareTrees(before: UnionNode, after: UnionNode): Generator<TreeDifference> {
  const names = new Map<string, [UnionNode | undefined, UnionNode | undefined]>();
  for (const [path, node] of walkUnion(before)) names.set(path, [node, undefined]);
  for (const [path, node] of walkUnion(after)) {
    const pair = names.get(path);
    if (pair) pair[1] = node;
    else names.set(path, [undefined, node]);
  }
  for (const [path, [old, now]] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!old && now) yield { kind: 'added', path, type: now.entry.type, after: sizeIn(after, now) };
    else if (old && !now) yield { kind: 'removed', path, type: old.entry.type, before: sizeIn(before, old) };
    else if (old && now && !sameEntry(old.entry, now.entry))
      yield {
        kind: 'changed',
        path,
        type: now.entry.type,
        before: sizeIn(before, old),
        after: sizeIn(after, now),
      };
  }
}

function sizeIn(root: UnionNode, { entry }: UnionNode): number {
  return entry.linksBelow
    ? (nodeAt(root, entry.link as string)?.entry.size ?? 0)
    : entry.type === 'file'
      ? entry.size
      : 0;
}

function sameEntry(a: TocEntry, b: TocEntry): boolean {
  if (a === b) return true;
  const isDirectory = a.type === 'directory';
  return (
    a.type === b.type &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.link === b.link &&
    a.device?.major === b.device?.major &&
    a.device?.minor === b.device?.minor &&
    (isDirectory || (a.size === b.size && a.mtime === b.mtime)) &&
    sameXattrs(a.xattrs, b.xattrs)
  );
}

function sameXattrs(a: TocEntry['xattrs'], b: TocEntry['xattrs']): boolean {
  if ((a?.size ?? 0) !== (b?.size ?? 0)) return false;
  for (const [name, value] of a ?? []) if (!b?.get(name)?.equals(value)) return false;
  return true;
}
