import { type IgnoreRules, matchesPath, parsePathPattern } from '../dockerfile/index.ts';
import { EngineError } from '../std/index.ts';
import { baseOf, joinPath, resolvePath, type Tree, type TreeNode, treePath } from './tree.ts';

/** One name to be copied, and where it lies below what was asked for: '' is that itself. */
export interface SelectedEntry {
  readonly relative: string;
  /** In the tree. */
  readonly path: string;
  readonly node: TreeNode;
}

/** What one source of a COPY names. */
export interface Selected {
  readonly tree: Tree;
  /** What it is called where it is put into a directory. */
  readonly name: string;
  /** Its path below the pivot, for `--parents`. */
  readonly parents: string;
  /** A directory's content, without the directory itself; else the one file. Parents come first. */
  readonly entries: readonly SelectedEntry[];
  readonly isDirectory: boolean;
}

export interface SelectOptions {
  /** `--exclude`. */
  readonly exclude?: IgnoreRules;
  /** What the messages call the tree: `the build context`. */
  readonly where: string;
}

/**
 * What `source` names in `tree`: a path, or a pattern of Go's `filepath.Match` for any number of them, none too. A link at its end is
 * followed, those below are copied. Throws NotFound.
 */
export function select(tree: Tree, source: string, options: SelectOptions): Selected[] {
  const plain = treePath(source);
  const matches = hasWildcard(source) ? matching(tree, plain) : [plain];
  return matches.flatMap((path) => selectOne(tree, path, { ...options, asked: source }));
}

function selectOne(tree: Tree, path: string, { asked, where, exclude }: SelectOptions & { asked: string }): Selected[] {
  const followed = resolvePath(tree, path);
  const node = tree.node(followed);
  if (!node) throw new EngineError('NotFound', `no ${JSON.stringify(asked)} in ${where}`);
  const shared = { tree, name: baseOf(path), parents: parentsOf(asked, path) };
  if (node.type !== 'directory') {
    if (exclude?.test(path).ignored) return [];
    return [{ ...shared, isDirectory: false, entries: [{ relative: '', path: followed, node }] }];
  }
  return [{ ...shared, isDirectory: true, entries: [...below(tree, followed, { exclude, prefix: path })] }];
}

function* below(
  tree: Tree,
  folder: string,
  { exclude, prefix, relative = '' }: { exclude: IgnoreRules | undefined; prefix: string; relative?: string },
): Generator<SelectedEntry> {
  for (const name of tree.names(relative === '' ? folder : joinPath(folder, relative))) {
    const at = joinPath(relative, name);
    const path = joinPath(folder, at);
    const node = tree.node(path);
    if (!node) continue; // a socket, or gone meanwhile
    const ignored = exclude?.test(joinPath(prefix, at)).ignored || exclude?.test(at).ignored || false;
    if (node.type !== 'directory') {
      if (!ignored) yield { relative: at, path, node };
      continue;
    }
    const inside = below(tree, folder, { exclude, prefix, relative: at });
    if (!ignored) {
      yield { relative: at, path, node };
      yield* inside;
    } else if (exclude?.mayHold(joinPath(prefix, at)) || exclude?.mayHold(at)) {
      const kept = [...inside];
      if (kept.length > 0) yield { relative: at, path, node };
      yield* kept;
    }
  }
}

/** Docker's: a backslash takes the meaning from what follows it. */
export function hasWildcard(path: string): boolean {
  return /(?:^|[^\\])(?:\\\\)*[*?[]/.test(path);
}

/** Component by component; links on the way are followed. */
function matching(tree: Tree, pattern: string): string[] {
  let found = [''];
  for (const part of pattern.split('/')) {
    if (!hasWildcard(part)) {
      found = found.map((path) => joinPath(path, part.replaceAll(/\\(.)/g, '$1')));
      continue;
    }
    const compiled = parsePathPattern(part, { deep: false });
    found = found.flatMap((path) => {
      const folder = resolvePath(tree, path);
      if (tree.node(folder)?.type !== 'directory') return [];
      return tree
        .names(folder)
        .filter((name) => matchesPath(compiled, name))
        .map((name) => joinPath(path, name));
    });
  }
  return found.filter((path) => tree.node(resolvePath(tree, path)) !== undefined);
}

/** `--parents` keeps the path behind `/./`, else all of it. */
function parentsOf(asked: string, path: string): string {
  const pivot = asked.indexOf('/./');
  const folder = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
  if (pivot < 0) return folder;
  const before = treePath(asked.slice(0, pivot));
  return folder === before ? '' : folder.slice(before === '' ? 0 : before.length + 1);
}
