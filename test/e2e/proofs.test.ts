import { test } from 'node:test';
import { needs } from '../peers.ts';
import { crash } from '../proof/crash.ts';
import { race } from '../proof/race.ts';

// The short forms of `npm run proof -- crash` and `-- race`.
const options = { skip: needs('busybox'), timeout: 240_000 };
const seed = Date.now() % 1e9;

test('a verb that is killed leaves a clean store, and works the next time', options, async (t) => {
  t.diagnostic(`seed ${seed}`);
  await crash.run({ count: 10, seed, log: (line) => t.diagnostic(line) });
});

test('processes that do everything at once lose nothing', options, async (t) => {
  t.diagnostic(`seed ${seed}`);
  await race.run({ count: 5, seed, log: (line) => t.diagnostic(line) });
});
