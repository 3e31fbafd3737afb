import type { TocEntry } from '../layer/index.ts';
import { Fold, type UnionNode } from './merge.ts';

/** Names, and bytes of the files among them. */
export interface Amount {
  readonly names: number;
  readonly bytes: number;
}

/** What one layer does to those below it, and what becomes of it above. */
export interface LayerUsage {
  readonly added: Amount;
  /** Put in place of what lower layers have; a directory counts where its mode or owner changes. */
  readonly changed: Amount;
  /** Of lower layers, removed or replaced by this one. */
  readonly hidden: Amount;
  /** Bytes of this layer that nobody sees any more on top. */
  readonly wasted: number;
}

export interface ImageUsage {
  readonly layers: readonly LayerUsage[];
  /**
   * 1 where no byte is stored for nothing, as the program `dive` counts it: of every name the least that a layer has there, against what all
   * layers have there, a removed directory counting as all that was in it.
   */
  readonly efficiency: number;
  /** As `dive` counts: all bytes of names that several layers have, the layer that shows them included. */
  readonly wastedBytes: number;
  /** {@link wastedBytes} against the bytes of all layers but the lowest; 0 where there are none. */
  readonly wastedShare: number;
  /** Names that several layers have, the costliest first. */
  readonly repeated: readonly RepeatedName[];
}

export interface RepeatedName {
  readonly path: string;
  /** Of all layers together. */
  readonly bytes: number;
  readonly layers: number;
}

interface Counted {
  names: number;
  bytes: number;
}

/** Measures what layers, the lowest first, do to each other. Pure. */
export function measureLayers(layers: readonly { readonly entries: readonly TocEntry[] }[]): ImageUsage {
  const usages = layers.map(() => ({ added: nothing(), changed: nothing(), hidden: nothing(), wasted: 0 }));
  const discovered = new Map<string, { bytes: number; least: number; layers: number }>();
  const fold = new Fold();
  for (const [index, { entries }] of layers.entries()) {
    const { added, changed, hidden } = usages[index] as (typeof usages)[number];
    const hide = (node: UnionNode): void => {
      for (const { entry, layer } of subtreeOf(node)) {
        count(hidden, entry);
        const owner = usages[layer];
        if (owner && layer !== index) owner.wasted += sizeOf(entry);
      }
    };
    fold.add(entries, (entry, below) => {
      discover(discovered, entry, below);
      if (entry.path === '') return;
      const isDirectory = entry.type === 'directory';
      if (below && isDirectory && below.children) {
        if (entry.opaque) for (const child of below.children.values()) hide(child);
        if (!entry.implied && !sameMetadata(entry, below.entry)) count(changed, entry);
        return;
      }
      if (below) hide(below);
      if (entry.type !== 'whiteout') count(below ? changed : added, entry);
    });
  }
  return { layers: usages, ...summary(discovered, layers) };
}

function nothing(): Counted {
  return { names: 0, bytes: 0 };
}

function count(amount: Counted, entry: TocEntry): void {
  amount.names += 1;
  amount.bytes += sizeOf(entry);
}

/** A further name of a file takes no room. */
function sizeOf({ type, size }: TocEntry): number {
  return type === 'file' ? size : 0;
}

function sameMetadata(a: TocEntry, b: TocEntry): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

function* subtreeOf(node: UnionNode): Generator<UnionNode> {
  yield node;
  for (const child of node.children?.values() ?? []) yield* subtreeOf(child);
}

function discover(
  discovered: Map<string, { bytes: number; least: number; layers: number }>,
  entry: TocEntry,
  below: UnionNode | undefined,
): void {
  if (entry.type === 'directory') return;
  const bytes = entry.type === 'whiteout' ? bytesIn(below) : sizeOf(entry);
  const known = discovered.get(entry.path);
  if (!known) {
    discovered.set(entry.path, { bytes, least: bytes, layers: 1 });
    return;
  }
  known.bytes += bytes;
  known.least = Math.min(known.least, bytes);
  known.layers += 1;
}

/** Of a removed directory; a removed file counts where it was added. */
function bytesIn(node: UnionNode | undefined): number {
  if (!node?.children) return 0;
  let bytes = 0;
  for (const { entry } of subtreeOf(node)) bytes += sizeOf(entry);
  return bytes;
}

function summary(
  discovered: ReadonlyMap<string, { bytes: number; least: number; layers: number }>,
  layers: readonly { readonly entries: readonly TocEntry[] }[],
): Omit<ImageUsage, 'layers'> {
  let least = 0;
  let all = 0;
  let wastedBytes = 0;
  const repeated: RepeatedName[] = [];
  for (const [path, found] of discovered) {
    least += found.least;
    all += found.bytes;
    if (found.layers < 2) continue;
    wastedBytes += found.bytes;
    repeated.push({ path, bytes: found.bytes, layers: found.layers });
  }
  const own = layers
    .slice(1)
    .reduce((sum, { entries }) => entries.reduce((bytes, entry) => bytes + sizeOf(entry), sum), 0);
  return {
    efficiency: all === 0 ? 1 : least / all,
    wastedBytes,
    wastedShare: own === 0 ? 0 : wastedBytes / own,
    repeated: repeated.sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)),
  };
}
