import {
  chmodSync,
  createWriteStream,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EngineError, fsPath } from '../std/index.ts';
import { joinPath, resolvePath, type Tree, type TreeNode, treePath } from './tree.ts';

/**
 * Writes `source` of a tree to `target`, which does not exist: a file, or a directory with all in it. Only plain directories that were just
 * made are written into, so that no link of the tree leads elsewhere. Devices are left out.
 */
export async function extractTree(tree: Tree, source: string, target: string): Promise<void> {
  const path = resolvePath(tree, treePath(source));
  const node = tree.node(path);
  if (!node) throw new EngineError('NotFound', `no ${JSON.stringify(source)} to mount`);
  await extract(tree, path, node, { target, inodes: new Map() });
}

/** Writes all of a tree into the folder `target`, as an export does: folders are united, files replaced; owners stay those of the caller. */
export async function exportTree(tree: Tree, target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  const inodes = new Map<string, string>();
  for (const name of tree.names('')) {
    const node = tree.node(name);
    if (node) await extract(tree, name, node, { target: join(target, name), inodes, merge: true });
  }
}

async function extract(
  tree: Tree,
  path: string,
  node: TreeNode,
  { target, inodes, merge = false }: { target: string; inodes: Map<string, string>; merge?: boolean },
): Promise<void> {
  const at = fsPath(target);
  if (merge) makeRoom(target, node);
  const known = node.inode === undefined ? undefined : inodes.get(node.inode);
  switch (node.type) {
    case 'directory':
      if (!merge || lstatSync(at, { throwIfNoEntry: false }) === undefined) mkdirSync(at, { mode: 0o700 });
      for (const name of tree.names(path)) {
        const child = joinPath(path, name);
        const inside = tree.node(child);
        if (inside) await extract(tree, child, inside, { target: join(target, name), inodes, merge });
      }
      break;
    case 'file':
      if (known !== undefined) {
        linkSync(fsPath(known), at);
        return;
      }
      if (node.inode !== undefined) inodes.set(node.inode, target);
      await pipeline(tree.open(path), createWriteStream(at, { flags: 'wx', mode: 0o600 }));
      break;
    case 'symlink':
      symlinkSync(node.link ?? '', at);
      break;
    default:
      return;
  }
  if (!merge && process.geteuid?.() === 0) lchownSync(at, node.uid, node.gid);
  if (node.type !== 'symlink') chmodSync(at, node.mode);
  const seconds = Number(node.mtime / 1_000_000n) / 1000;
  lutimesSync(at, seconds, seconds);
}

/** Removes what is not a folder, or what has to be none. */
function makeRoom(target: string, { type }: TreeNode): void {
  const there = lstatSync(fsPath(target), { throwIfNoEntry: false });
  if (there && (!there.isDirectory() || type !== 'directory')) rmSync(fsPath(target), { recursive: true });
}
