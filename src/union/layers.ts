import { EngineError } from '../std/index.ts';
import type { LayerNode } from './layer-node.ts';
import type { Marks } from './marks.ts';
import { LowerNode } from './real-node.ts';
import { TocLayer, type TocLayerInput } from './toc-layer.ts';
import { findBelow } from './tree.ts';

/** A directory of this machine as a layer, as overlayfs reads one: nobody may change it while it is united. */
export interface FolderLayerInput {
  readonly path: string;
}

export type LayerInput = TocLayerInput | FolderLayerInput;

/** The layers' roots, the top one first; `inputs` has the lowest first. */
export function openLayers(inputs: readonly LayerInput[], marks: Marks): LayerNode[] {
  let roots: LayerNode[] = [];
  for (const input of inputs) roots = [openLayer(input, roots, marks), ...roots];
  return roots;
}

function openLayer(input: LayerInput, below: readonly LayerNode[], marks: Marks): LayerNode {
  if ('entries' in input) return new TocLayer(input, (path) => findPath(below, path)).root;
  const root = LowerNode.at(input.path, marks);
  if (root?.type !== 'directory') throw new EngineError('NotFound', `no directory ${input.path} to unite`);
  return root;
}

function findPath(roots: readonly LayerNode[], path: string): LayerNode | undefined {
  let nodes = roots;
  for (const name of path.split('/')) nodes = findBelow(nodes, name);
  return nodes[0];
}
