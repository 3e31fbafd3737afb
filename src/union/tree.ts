import { unlinkSync } from 'node:fs';
import { encodeName, fsPath } from '../std/index.ts';
import { errnoError } from './errno.ts';
import type { Attributes, DirectoryEntry, InodeType } from './file-system.ts';
import { InodeNumbers } from './inode-numbers.ts';
import type { LayerNode, LayerNodeType } from './layer-node.ts';
import { Node, type Parts } from './node.ts';
import { RealNode } from './real-node.ts';

const NAME_MAX = 255;

/** The layers seen as one tree, and what is known of it: the reading half of the file system. */
export class UnionTree {
  readonly root: Node;
  readonly numbers: InodeNumbers = new InodeNumbers();
  /** Files of the writable layer that have several names, by their number there. */
  readonly #shared = new Map<number, Node>();
  #ids = 0;

  constructor(parts: Parts) {
    this.root = this.#make('directory', parts);
  }

  lookup(directory: Node, name: string): Node | undefined {
    const known = directory.children?.get(name);
    if (known) return known;
    if (!directory.children) throw errnoError('ENOTDIR', 'lookup', name);
    requireName(name);
    if (directory.removed) return undefined;
    const parts = findParts(directory, name);
    if (!parts) return undefined;
    const { upper } = parts;
    const node = (upper && this.#sharedNode(upper)) ?? this.#make(typeOf(parts), parts);
    node.addName(directory, name);
    if (upper && upper.nlink > 1 && upper.type !== 'directory') this.share(node);
    return node;
  }

  /** `node` has, or gets, another name in the writable layer. */
  share(node: Node): void {
    if (node.upper) this.#shared.set(node.upper.ino, node);
  }

  /** What a name that was just made in the writable layer is. */
  adopt(directory: Node, name: string, path: string): Node {
    const upper = RealNode.at(path, (directory.upper as RealNode).marks);
    if (!upper) throw errnoError('ESTALE', 'lookup', name);
    const node = this.#make(upper.type as InodeType, { upper, lowers: [] });
    node.addName(directory, name);
    return node;
  }

  #make(type: InodeType, parts: Parts): Node {
    const counted = type === 'directory' ? (parts.lowers[0] ?? parts.upper) : (parts.upper ?? parts.lowers[0]);
    const { device, ino } = counted as LayerNode;
    this.#ids += 1;
    return new Node(this.#ids, type, parts, this.numbers.numberOf(device, ino));
  }

  #sharedNode(upper: RealNode): Node | undefined {
    const node = upper.nlink > 1 ? this.#shared.get(upper.ino) : undefined;
    if (!node?.removed) return node;
    // Its last known name went while it was open; here is one that nobody had asked for.
    if (node.removed.kept && node.upper) unlinkSync(fsPath(node.upper.path));
    node.removed = undefined;
    node.upper = upper;
    return node;
  }

  forget(node: Node): void {
    if (node === this.root || node.open.size > 0 || (node.children?.size ?? 0) > 0) return;
    for (const { parent, name } of [...node.names]) node.removeName(parent, name);
    this.unshare(node);
  }

  unshare(node: Node): void {
    if (node.upper && this.#shared.get(node.upper.ino) === node) this.#shared.delete(node.upper.ino);
  }

  attributes(node: Node): Attributes {
    const { removed, ino } = node;
    if (removed && !removed.kept && (node.upper || node.type === 'directory')) return { ...removed.last, nlink: 0 };
    const own = node.described.attributes();
    if (removed?.kept) return { ...own, ino, nlink: own.nlink - 1 };
    return node.type === 'directory' && node.merges ? { ...own, ino, nlink: 1 } : { ...own, ino };
  }

  names(directory: Node): DirectoryEntry[] {
    if (!directory.children) throw errnoError('ENOTDIR', 'scandir');
    if (directory.removed) return [];
    const entries: DirectoryEntry[] = [];
    const seen = directory.merges ? new Set<string>() : undefined;
    const layers = directory.upper ? [directory.upper, ...directory.lowers] : directory.lowers;
    for (const layer of layers) {
      for (const { name, type } of layer.names()) {
        if (seen?.has(name)) continue;
        seen?.add(name);
        if (type !== 'whiteout') entries.push({ name, type });
      }
    }
    return entries;
  }

  /** Whether layers below the writable one show something at a name. */
  isBelow(directory: Node, name: string): boolean {
    for (const layer of directory.lowers) {
      const found = layer.child(name);
      if (found) return found.type !== 'whiteout';
    }
    return false;
  }
}

function typeOf({ upper, lowers }: Parts): InodeType {
  return (upper ?? (lowers[0] as LayerNode)).type as Exclude<LayerNodeType, 'whiteout'>;
}

/** One name through all layers, as overlayfs looks it up: whiteouts, opaque directories and what is no directory end the search. */
function findParts(directory: Node, name: string): Parts | undefined {
  const upper = directory.upper?.child(name);
  if (upper?.type === 'whiteout') return undefined;
  const alone = upper && (upper.type !== 'directory' || directory.lowers.length === 0 || upper.opaque());
  const lowers = alone ? [] : findBelow(directory.lowers, name, { under: upper !== undefined });
  return upper || lowers.length > 0 ? { upper: upper as RealNode | undefined, lowers } : undefined;
}

/** The directories that merge, or the one thing else; `under` a directory of the writable layer nothing but directories counts. */
export function findBelow(
  layers: readonly LayerNode[],
  name: string,
  { under = false }: { under?: boolean } = {},
): LayerNode[] {
  const found: LayerNode[] = [];
  for (const [index, layer] of layers.entries()) {
    const child = layer.child(name);
    if (!child) continue;
    if (child.type === 'directory') {
      found.push(child);
      if (index < layers.length - 1 && child.opaque()) break;
    } else {
      if (child.type !== 'whiteout' && found.length === 0 && !under) found.push(child);
      break;
    }
  }
  return found;
}

export function requireName(name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    throw errnoError('EINVAL', 'lookup', name);
  if (name.length * 3 > NAME_MAX && encodeName(name).length > NAME_MAX)
    throw errnoError('ENAMETOOLONG', 'lookup', name);
}
