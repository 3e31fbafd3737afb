/** The one gate: lint and format, types, architecture, unit tests, dead code. `npm run check` */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { runTests } from './run-tests.ts';

const command = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { stdio: 'inherit' }).status === 0;
const tests = (...files: string[]): boolean => runTests(files, { concurrency: 2, timeout: 240_000 }) === 0;

const steps: readonly [name: string, step: () => boolean][] = [
  ['lint', () => command('node_modules/.bin/biome', 'check', '--error-on-warnings')],
  ['types', () => command('node_modules/.bin/tsc')],
  ['architecture', () => tests('test/architecture.test.ts')],
  ['unit tests', () => tests(...globSync('src/**/*.test.ts').sort())],
  ['dead code', () => command('node_modules/.bin/knip')],
];

for (const [name, step] of steps) {
  const started = Date.now();
  const ok = step();
  console.error(`check: ${name} ${ok ? 'ok' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (!ok) process.exit(1);
}
