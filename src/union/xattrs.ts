import { removeXattr, setXattr } from '../linux/index.ts';
import { errnoError } from './errno.ts';
import type { Marks } from './marks.ts';
import type { Node } from './node.ts';
import type { UpperChanges } from './upper-changes.ts';

/** Overlayfs' own marks are seen by nobody; what a program says with their names is kept under others. */
export function readXattr(node: Node, name: string, marks: Marks): Buffer | undefined {
  return node.described.xattr(marks.escape(name));
}

export function listXattrs(node: Node, marks: Marks): string[] {
  return node.described
    .xattrNames()
    .filter((name) => !marks.isOwn(name))
    .map((name) => marks.unescape(name));
}

export function setXattrOf(
  node: Node,
  name: string,
  value: Uint8Array,
  { changes, mode }: { changes: UpperChanges; mode?: 'create' | 'replace' },
): void {
  const { marks } = changes.upper;
  requireUserFile(node, name);
  const exists = mode !== undefined && readXattr(node, name, marks) !== undefined;
  if (mode === 'create' && exists) throw errnoError('EEXIST', 'setxattr', name);
  if (mode === 'replace' && !exists) throw errnoError('ENODATA', 'setxattr', name);
  changes.requireThere(node);
  const upper = changes.copyUp(node);
  setXattr(upper.path, marks.escape(name), value);
  upper.changed();
}

export function removeXattrOf(node: Node, name: string, changes: UpperChanges): void {
  const { marks } = changes.upper;
  requireUserFile(node, name);
  if (readXattr(node, name, marks) === undefined) throw errnoError('ENODATA', 'removexattr', name);
  changes.requireThere(node);
  const upper = changes.copyUp(node);
  removeXattr(upper.path, marks.escape(name));
  upper.changed();
}

/** xattr(7): `user.` is for files and directories; asked before a copy-up that would be for nothing. */
function requireUserFile(node: Node, name: string): void {
  if (name.startsWith('user.') && node.type !== 'file' && node.type !== 'directory')
    throw errnoError('EPERM', 'setxattr', name);
}
