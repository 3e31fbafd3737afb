import { test } from 'node:test';
import fc from 'fast-check';
import { compareWithKernel } from '../../test/contracts/union-case.ts';
import { layers, operations } from '../../test/contracts/union-operations.ts';

const skip = process.geteuid?.() === 0 ? false : 'needs root to mount overlayfs';

// The long form: npm run proof -- union.
for (const below of ['folders', 'tables'] as const) {
  test(`over ${below}, answers, errnos and trees are kernel overlayfs', and either reads the other's upper`, {
    skip,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(layers, operations, (lowers, asked) =>
        compareWithKernel({ layers: lowers, operations: asked }, below),
      ),
      { numRuns: 60 },
    );
  });
}
