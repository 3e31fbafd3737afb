/** The full counts that issues ask for: `npm run proof -- NAME [--count N] [--seed N]`. CI runs short forms of them. */
import { parseArgs } from 'node:util';
import type { Proof } from './proof.ts';

const PROOFS: Readonly<Record<string, () => Promise<Proof>>> = {
  bare: async () => (await import('./bare.ts')).bare,
  'build-crash': async () => (await import('./build-crash.ts')).buildCrash,
  crash: async () => (await import('./crash.ts')).crash,
  'dockerfile-fuzz': async () => (await import('./dockerfile-fuzz.ts')).dockerfileFuzz,
  fuzz: async () => (await import('./fuzz.ts')).fuzz,
  'power-cut': async () => (await import('./power-cut.ts')).powerCut,
  race: async () => (await import('./race.ts')).race,
  'registry-collect': async () => (await import('./registry-collect.ts')).registryCollect,
  'registry-crash': async () => (await import('./registry-crash.ts')).registryCrash,
  union: async () => (await import('./union.ts')).union,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string' }, seed: { type: 'string' } },
});
const [name = ''] = positionals;
const load = PROOFS[name];
if (!load) {
  console.error(`proof: no proof ${JSON.stringify(name)}; there are ${Object.keys(PROOFS).join(', ')}`);
  process.exit(1);
}
const proof = await load();
const count = Number(values.count ?? proof.count);
const seed = Number(values.seed ?? Date.now() % 1e9);
console.log(`proof ${name}: ${count} times, seed ${seed}`);
const started = Date.now();
await proof.run({ count, seed, log: (line) => console.log(line) });
console.log(`proof ${name}: ${count} times, all held (${((Date.now() - started) / 1000).toFixed(0)} s)`);
