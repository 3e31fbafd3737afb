import type { TocEntry } from '../layer/index.ts';
import { EngineError } from '../std/index.ts';
import { mergeLayers, nodeAt, type UnionNode } from '../union/index.ts';
import type { Layer, Layers } from './layers.ts';
import type { Tree, TreeNode } from './tree.ts';

/** A stack of layers as one tree, without a mount: read from their tables of contents and tars. */
export async function unionTree(layers: Layers, stack: readonly Layer[]): Promise<Tree> {
  const tocs = await Promise.all(stack.map((layer) => layers.toc(layer)));
  const root = mergeLayers(tocs);
  const byPath = tocs.map(() => undefined as ReadonlyMap<string, TocEntry> | undefined);
  const entryIn = (layer: number, path: string): TocEntry | undefined => {
    byPath[layer] ??= new Map(tocs[layer]?.entries.map((entry) => [entry.path, entry]));
    return byPath[layer]?.get(path);
  };
  /** A hard link's file: its other name in the same layer, or in the one below that brings it. */
  const fileOf = ({ entry, layer }: UnionNode): { entry: TocEntry; layer: number } => {
    let found = { entry, layer };
    for (let hops = 0; found.entry.type === 'hardlink' && hops < 64; hops++) {
      const path = found.entry.link ?? '';
      let below = found.entry.linksBelow ? found.layer - 1 : found.layer;
      while (below >= 0 && entryIn(below, path) === undefined) below--;
      const target = below < 0 ? undefined : entryIn(below, path);
      if (!target) throw new EngineError('DataLoss', `${entry.path} is a hard link to ${path}, which no layer has`);
      found = { entry: target, layer: below };
    }
    return found;
  };
  const requireFile = (path: string): { entry: TocEntry; layer: Layer } => {
    const node = nodeAt(root, path);
    const file = node && fileOf(node);
    const layer = file && stack[file.layer];
    if (!file || !layer || file.entry.type !== 'file') throw new EngineError('NotFound', `no file ${path}`);
    return { entry: file.entry, layer };
  };

  return {
    node(path) {
      const node = nodeAt(root, path);
      if (!node) return undefined;
      const { entry, layer } = fileOf(node);
      return nodeOf(
        entry,
        node.entry.type === 'hardlink' || entry.type === 'file' ? `${layer}:${entry.path}` : undefined,
      );
    },
    names: (path) => [...(nodeAt(root, path)?.children?.keys() ?? [])].sort(),
    async *open(path) {
      const { entry, layer } = requireFile(path);
      yield* layers.read(layer, entry);
    },
    digest(path) {
      const { entry, layer } = requireFile(path);
      return layers.digest(layer, entry);
    },
  };
}

function nodeOf(entry: TocEntry, inode: string | undefined): TreeNode | undefined {
  const { type, mode, uid, gid, size, mtime, link, device, xattrs } = entry;
  if (type === 'hardlink' || type === 'whiteout') return undefined;
  return {
    type,
    mode,
    uid,
    gid,
    size,
    mtime,
    ...(link !== undefined && { link }),
    ...(device && { device }),
    ...(xattrs && { xattrs }),
    ...(inode !== undefined && { inode }),
  };
}
