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
  const root: MutableNode = { entry: ROOT, layer: -1, children: new Map() };
  layers.forEach(({ entries }, layer) => {
    for (const entry of entries) cover(root, entry, layer);
  });
  return root;
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

function cover(root: MutableNode, entry: TocEntry, layer: number): void {
  if (entry.path === '') {
    if (entry.opaque) root.children = new Map();
    if (!entry.implied) Object.assign(root, { entry, layer });
    return;
  }
  const slash = entry.path.lastIndexOf('/');
  const parent = slash < 0 ? root : find(root, entry.path.slice(0, slash));
  const siblings = parent?.children;
  if (!siblings) return; // a TOC names ancestors first, so the parent is a directory
  const name = entry.path.slice(slash + 1);
  const below = siblings.get(name);
  if (entry.type === 'whiteout') {
    siblings.delete(name);
  } else if (entry.type !== 'directory') {
    siblings.set(name, { entry, layer });
  } else if (!below?.children) {
    siblings.set(name, { entry, layer, children: new Map() });
  } else {
    if (entry.opaque) below.children = new Map();
    if (!entry.implied || entry.opaque) Object.assign(below, { entry, layer });
  }
}

function find(root: MutableNode, path: string): MutableNode | undefined {
  let node: MutableNode | undefined = root;
  for (const name of path.split('/')) node = node?.children?.get(name);
  return node;
}
