/** Makes dist/: one module a source file with its types (the library), and dist/bin/ with the bundled program. */
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from './bundle.ts';

const root = join(import.meta.dirname, '..');
process.chdir(root);
rmSync('dist.new', { recursive: true, force: true });

const helpers = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => /-(worker|helper)\.ts$/.test(file))
  .map((file) => join('src', file));

await bundleProgram('dist.new/bin', helpers);
execFileSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', 'dist.new'],
  { stdio: 'inherit' },
);

rmSync('dist', { recursive: true, force: true });
renameSync('dist.new', 'dist');
