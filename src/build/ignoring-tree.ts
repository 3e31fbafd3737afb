import type { IgnoreRules, IgnoreState } from '../dockerfile/index.ts';
import { joinPath, parentOf, type Tree } from './tree.ts';

/** A tree without what `.dockerignore` names; a folder that it names is there where something below it is. */
export function ignoringTree(tree: Tree, rules: IgnoreRules): Tree {
  if (rules.size === 0) return tree;
  const tested = new Map<string, { ignored: boolean; state: IgnoreState }>();
  const testing = (path: string): { ignored: boolean; state: IgnoreState } => {
    const known = tested.get(path);
    if (known) return known;
    const parent = parentOf(path);
    const found = rules.test(path, parent === '' ? [] : testing(parent).state);
    tested.set(path, found);
    return found;
  };
  const isFolder = (path: string): boolean => tree.node(path)?.type === 'directory';
  const isThere = (path: string): boolean =>
    path === '' || !testing(path).ignored || (rules.mayHold(path) && isFolder(path) && names(path).length > 0);
  const names = (path: string): string[] => tree.names(path).filter((name) => isThere(joinPath(path, name)));
  return {
    ...tree,
    node: (path) => (isThere(path) ? tree.node(path) : undefined),
    names,
  };
}

/** A folder of a tree as a tree. */
export function subtree(tree: Tree, folder: string): Tree {
  if (folder === '') return tree;
  return {
    node: (path) => tree.node(joinPath(folder, path)),
    names: (path) => tree.names(joinPath(folder, path)),
    open: (path) => tree.open(joinPath(folder, path)),
    digest: (path) => tree.digest(joinPath(folder, path)),
  };
}
