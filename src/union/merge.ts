import type { TocEntry } from '../layer/index.ts';

/** A name of the united tree. */
export interface UnionNode {
  readonly entry: TocEntry;
  /** Which layer the entry is from, 0 the lowest. */
  readonly layer: number;
  /** A directory's names, in no order; absent for all else. */
  readonly children?: ReadonlyMap<string, UnionNode>;
}

interface MutableNode {
  entry: TocEntry;
  layer: number;
  children?: Map<string, MutableNode>;
}

/**
 * The fold that this whole program is about: layers, lowest first, united into one tree. Upper entries cover lower ones, a directory over a
 * directory unites what is in them, a whiteout removes a name, an opaque directory hides all below it. Pure; equal to what overlayfs shows.
 */
export function mergeLayers(layers: readonly { readonly entries: readonly TocEntry[] }[]): UnionNode {
  const fold = new Fold();
  for (const { entries } of layers) fold.add(entries);
  return fold.root;
}

/** {@link mergeLayers} layer by layer, for who wants to see what each does. */
export class Fold {
  readonly #root: MutableNode = { entry: ROOT, layer: -1, children: new Map() };
  #layers = 0;

  get root(): UnionNode {
    return this.#root;
  }

  /** Puts the next layer on top. `watch` hears of each entry first, with what is at its name as yet. */
  add(entries: readonly TocEntry[], watch?: (entry: TocEntry, below: UnionNode | undefined) => void): void {
    const root = this.#root;
    const layer = this.#layers++;
    let path = '';
    let parent: MutableNode | undefined = root;
    for (const entry of entries) {
      // Entries of one directory mostly follow each other: its path is walked once.
      const slash = Math.max(0, entry.path.lastIndexOf('/'));
      if (slash !== path.length || !entry.path.startsWith(path)) {
        path = entry.path.slice(0, slash);
        parent = find(root, path);
      }
      if (entry.path === '') {
        watch?.(entry, root);
        coverRoot(root, entry, layer);
      } else if (parent?.children) {
        const name = entry.path.slice(slash && slash + 1);
        watch?.(entry, parent.children.get(name));
        cover(parent.children, name, entry, layer);
      }
    }
  }
}

/** The node at `path` (`usr/bin/env`), or undefined; symlinks are not followed. */
export function nodeAt(root: UnionNode, path: string): UnionNode | undefined {
  let node: UnionNode | undefined = root;
  for (const name of path.split('/')) if (name !== '') node = node?.children?.get(name);
  return node;
}

/** Every node below `root` with its path, parents first, names in code-unit order. */
export function* walkUnion(root: UnionNode, prefix = ''): Generator<[path: string, node: UnionNode]> {
  for (const [name, node] of [...(root.children ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const path = prefix === '' ? name : `${prefix}/${name}`;
    yield [path, node];
    yield* walkUnion(node, path);
  }
}

/** What a root without an entry of its own is: image-spec layer.md leaves it to the reader; dockerd makes it 0755. */
const ROOT: TocEntry = { path: '', type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0n, implied: true };

function coverRoot(root: MutableNode, entry: TocEntry, layer: number): void {
  if (entry.opaque) root.children = new Map();
  if (!entry.implied) Object.assign(root, { entry, layer });
}

function cover(siblings: Map<string, MutableNode>, name: string, entry: TocEntry, layer: number): void {
  if (entry.type === 'whiteout') {
    siblings.delete(name);
    return;
  }
  if (entry.type !== 'directory') {
    siblings.set(name, { entry, layer });
    return;
  }
  const below = siblings.get(name);
  if (!below?.children) {
    siblings.set(name, { entry, layer, children: new Map() });
    return;
  }
  if (entry.opaque) below.children = new Map();
  if (!entry.implied || entry.opaque) Object.assign(below, { entry, layer });
}

function find(root: MutableNode, path: string): MutableNode | undefined {
  if (path === '') return root;
  let node: MutableNode | undefined = root;
  for (const name of path.split('/')) node = node?.children?.get(name);
  return node;
}
