/** The one gate: lint and format, types, architecture, unit tests, dead code. `npm run check` */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const units = globSync('src/**/*.test.ts').sort();
const steps: [name: string, ...command: string[]][] = [
  ['lint', 'node_modules/.bin/biome', 'check', '--error-on-warnings'],
  ['types', 'node_modules/.bin/tsc'],
  ['architecture', process.execPath, '--test', 'test/architecture.test.ts'],
  ['unit tests', process.execPath, '--test', '--test-concurrency=2', '--test-timeout=240000', ...units],
  ['dead code', 'node_modules/.bin/knip'],
];

for (const [name, program, ...args] of steps) {
  const started = Date.now();
  const { status } = spawnSync(program as string, args, { stdio: 'inherit' });
  console.error(`check: ${name} ${status === 0 ? 'ok' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (status !== 0) process.exit(1);
}
