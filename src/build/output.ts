import type { ByteStream } from '../std/index.ts';
import { writeTar } from '../tar/index.ts';
import { exportTree } from './extract.ts';
import { layerMembers } from './layer-tar.ts';
import { Layers } from './layers.ts';
import type { Placed } from './place.ts';
import type { BuildPlace } from './solve.ts';
import type { BuildState } from './state.ts';
import { joinPath, type Tree } from './tree.ts';
import { unionTree } from './union-tree.ts';

/** Writes what was built into a folder. */
export async function writeFolder(place: BuildPlace, { stack }: BuildState, target: string): Promise<void> {
  await exportTree(await unionTree(new Layers(place.store, place.scratch), stack), target);
}

/** What was built as one tar, without layers. */
export async function* flatTar(place: BuildPlace, { stack }: BuildState): ByteStream {
  const tree = await unionTree(new Layers(place.store, place.scratch), stack);
  yield* writeTar(layerMembers([...everything(tree, '')]));
}

function* everything(tree: Tree, folder: string): Generator<Placed> {
  for (const name of tree.names(folder)) {
    const path = joinPath(folder, name);
    const node = tree.node(path);
    if (!node) continue;
    yield { path, node, ...(node.type === 'file' && { from: { tree, path } }) };
    if (node.type === 'directory') yield* everything(tree, path);
  }
}
