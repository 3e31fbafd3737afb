import { test } from 'node:test';
import { registryCollect } from '../proof/registry-collect.ts';

// The short form of `npm run proof -- registry-collect`.
test('pushes, deletes and collections at once: nothing in reach is lost, nothing else is left', {
  timeout: 120_000,
}, async (t) => {
  const seed = Date.now() % 1e9;
  t.diagnostic(`seed ${seed}`);
  await registryCollect.run({ count: 400, seed, log: (line) => t.diagnostic(line) });
});
