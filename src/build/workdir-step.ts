import { storeLayer } from '../image/index.ts';
import { layerTar } from './layer-tar.ts';
import { placeDirectory } from './place.ts';
import type { Session } from './session.ts';
import type { BuildState } from './state.ts';
import { baseParts, type Step } from './step.ts';
import { unionTree } from './union-tree.ts';

/** WORKDIR makes its directory where there is none. */
export function workdirStep(session: Session, state: BuildState, path: string): Step {
  return {
    parts: { ...baseParts(session, state), instruction: 'WORKDIR', path },
    createdBy: `WORKDIR ${path}`,
    async make() {
      const tree = await unionTree(session.layers, state.stack);
      const { epoch } = session.options;
      const now = BigInt((epoch ?? new Date()).getTime()) * 1_000_000n;
      const placed = placeDirectory(tree, path, now);
      if (placed.length === 0) return undefined;
      return storeLayer(session.store, layerTar(placed), { signal: session.signal });
    },
  };
}
