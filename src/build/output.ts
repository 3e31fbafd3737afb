import type { ByteStream } from '../std/index.ts';
import { exportTree } from './extract.ts';
import { treeTar } from './layer-tar.ts';
import { Layers } from './layers.ts';
import type { BuildPlace } from './solve.ts';
import type { BuildState } from './state.ts';
import { unionTree } from './union-tree.ts';

/** Writes what was built into a folder. */
export async function writeFolder(place: BuildPlace, { stack }: BuildState, target: string): Promise<void> {
  await exportTree(await unionTree(new Layers(place.store, place.scratch), stack), target);
}

/** What was built as one tar, without layers. */
export async function* flatTar(place: BuildPlace, { stack }: BuildState): ByteStream {
  const tree = await unionTree(new Layers(place.store, place.scratch), stack);
  yield* treeTar(tree);
}
