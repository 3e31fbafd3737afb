import { EngineError } from '../std/index.ts';
import type { Selected } from './select.ts';
import { joinPath, type Nodes, parentOf, resolvePath, type Tree, type TreeNode } from './tree.ts';

/** A name that a new layer brings. */
export interface Placed {
  readonly path: string;
  readonly node: TreeNode;
  /** Where a file's content is read. */
  readonly from?: { readonly tree: Tree; readonly path: string };
}

export interface PlaceOptions {
  /** An absolute path; a slash at its end says that it is a directory. */
  readonly destination: string;
  readonly owner?: { readonly uid: number; readonly gid: number };
  readonly mode?: number;
  readonly parents?: boolean;
  /** Directories on the way are no part of the layer: what is below it has them, or whoever unpacks it makes them. */
  readonly implied?: boolean;
  /** Of directories that are made on the way. */
  readonly now: bigint;
}

/** The directory `path` and what is missing above it; none where it is there. Throws InvalidArgument for what is no directory. */
export function placeDirectory(below: Nodes, path: string, now: bigint): Placed[] {
  const placing = new Placing(below, { destination: path, now });
  placing.directory(path);
  return placing.placed;
}

/**
 * A tree as it becomes while a layer is put on it, by docker's rules: a directory's content goes into the destination, a file into a directory
 * that is there or that a slash asks for, else the destination is its name. Links on the way are followed inside the tree; a directory that is
 * there keeps its owner and mode if it is the destination itself. Throws InvalidArgument where a file would replace a directory or the other
 * way round.
 */
export class Placing {
  readonly placed: Placed[] = [];
  readonly #below: Nodes;
  readonly #options: PlaceOptions;
  readonly #added = new Map<string, TreeNode>();

  constructor(below: Nodes, options: PlaceOptions) {
    this.#below = below;
    this.#options = options;
  }

  node(path: string): TreeNode | undefined {
    const added = this.#added.get(path);
    if (added) return added;
    // What an added file stands for hides what was below.
    for (let up = parentOf(path); up !== ''; up = parentOf(up)) {
      const parent = this.#added.get(up);
      if (parent && parent.type !== 'directory') return undefined;
    }
    return path === '' ? (this.#below.node('') ?? ROOT) : this.#below.node(path);
  }

  add(source: Selected): void {
    const { destination, parents } = this.#options;
    const base = parents
      ? joinPath(trimmed(destination), joinPath(source.parents, source.isDirectory ? source.name : ''))
      : destination;
    const asFolder = parents || /(?:^|\/)\.?$/.test(destination);
    if (source.isDirectory) {
      const target = this.directory(base);
      for (const { relative, path, node } of source.entries)
        this.put(joinPath(target, relative), node, { tree: source.tree, path });
      return;
    }
    const [entry] = source.entries;
    if (!entry) return;
    const folder = asFolder ? this.directory(base) : this.#directoryAt(base);
    const target = folder === undefined ? this.#newName(base) : joinPath(folder, source.name);
    this.put(target, entry.node, { tree: source.tree, path: entry.path });
  }

  /** Sees to it that there is a directory; its path with links resolved. */
  directory(path: string): string {
    const target = resolvePath(this, path);
    const node = this.node(target);
    if (node?.type === 'directory') return target;
    if (node) throw new EngineError('InvalidArgument', `/${target} is a file below, and a directory is put there`);
    const parent = parentOf(target);
    if (parent !== '' || target !== '') this.directory(parent);
    const made = { ...this.#made(), mtime: this.#options.now };
    if (this.#options.implied) this.#added.set(target, made);
    else this.#record({ path: target, node: made });
    return target;
  }

  put(path: string, node: TreeNode, from?: Placed['from']): void {
    const there = this.node(path);
    if (there && (there.type === 'directory') !== (node.type === 'directory')) {
      const problem =
        node.type === 'directory' ? 'a directory cannot replace a file' : 'a file cannot replace a directory';
      throw new EngineError('InvalidArgument', `/${path}: ${problem}; remove it first`);
    }
    this.replace(path, node, from);
  }

  /** Puts it there whatever was: what a tar that is unpacked does. */
  replace(path: string, node: TreeNode, from?: Placed['from']): void {
    const { owner, mode } = this.#options;
    const own = { ...node, ...owner, ...(mode !== undefined && node.type !== 'symlink' && { mode }) };
    this.#record({ path, node: own, ...(from && { from }) });
  }

  #record(placed: Placed): void {
    if (placed.path.split('/').some((part) => part.startsWith('.wh.')))
      throw new EngineError(
        'InvalidArgument',
        `/${placed.path}: in a layer a name with .wh. marks a deletion; rename it`,
      );
    this.#added.set(placed.path, placed.node);
    this.placed.push(placed);
  }

  #directoryAt(path: string): string | undefined {
    const target = resolvePath(this, path);
    return this.node(target)?.type === 'directory' ? target : undefined;
  }

  /** The name that a file gets, with its directory made. */
  #newName(path: string): string {
    const target = resolvePath(this, path);
    this.directory(parentOf(target));
    return target;
  }

  #made(): TreeNode {
    return { type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0n, ...this.#options.owner };
  }
}

const ROOT: TreeNode = { type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0n };

function trimmed(path: string): string {
  return path.replace(/\/\.?$/, '');
}
