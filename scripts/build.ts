/**
 * Makes dist/: one module a source file with its types (the library), and dist/bin/ with the bundled program: a small entry, a chunk a verb,
 * worker and helper entries flat beside them (see entryFile in std).
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { passDoors } from './pass-doors.ts';

const root = join(import.meta.dirname, '..');
process.chdir(root);
rmSync('dist.new', { recursive: true, force: true });

const workers = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => /-(worker|helper)\.ts$/.test(file))
  .map((file) => join('src', file));

/** undici does without it where it is missing; loading it takes 18 ms, and nothing here speaks it. */
const withoutHttp2: Plugin = {
  name: 'without-http2',
  setup(build) {
    build.onResolve({ filter: /^node:http2$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    build.onLoad({ filter: /./, namespace: 'absent' }, () => ({ contents: "throw new Error('no HTTP/2')" }));
  },
};

await build({
  entryPoints: [...workers, 'src/cli/strata.ts'].map((file) => ({ in: file, out: file.replace(/^.*\/|\.ts$/g, '') })),
  outdir: 'dist.new/bin',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minifyWhitespace: true, // names stay, for --debug
  minifySyntax: true,
  legalComments: 'none',
  // Native code stays outside; so does what only a registry's certificates and passwords need.
  external: ['koffi', '@node-rs/bcrypt', '@peculiar/x509', 'reflect-metadata'],
  banner: { js: 'const require=process.getBuiltinModule;' }, // undici is CommonJS and requires what Node has; createRequire costs each chunk more
  plugins: [passDoors(), withoutHttp2],
  chunkNames: 'chunk-[hash]',
});
execFileSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', 'dist.new'],
  { stdio: 'inherit' },
);

rmSync('dist', { recursive: true, force: true });
renameSync('dist.new', 'dist');
