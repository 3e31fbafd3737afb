import fc from 'fast-check';
import { compareWithKernel } from '../contracts/union-case.ts';
import { layers, operations } from '../contracts/union-operations.ts';
import type { Proof } from './proof.ts';

const PORTION = 200;

/** Random layers and operations on kernel overlayfs and on our union: equal answers, errno by errno, equal trees, each reads what the other wrote. */
export const union: Proof = {
  count: 20_000,
  async run({ count, seed, log }) {
    for (let done = 0; done < count; done += PORTION) {
      const below = (done / PORTION) % 2 === 0 ? 'folders' : 'tables';
      await fc.assert(
        fc.asyncProperty(layers, operations, (lowers, asked) =>
          compareWithKernel({ layers: lowers, operations: asked }, below),
        ),
        { numRuns: Math.min(PORTION, count - done), seed: seed + done },
      );
      if ((done + PORTION) % 2000 === 0) log(`  ${done + PORTION} cases`);
    }
  },
};
