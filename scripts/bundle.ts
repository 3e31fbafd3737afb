import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { program } from '../src/cli/verbs.ts';
import { lazyBuiltins } from './lazy-builtins.ts';
import { passDoors } from './pass-doors.ts';

/**
 * Bundles the program into `folder`: `strata.js`, which loads `start.js` with every verb in it, each set up when it is first asked for, from
 * V8's cache of its compiled code (src/cli/code-cache.ts); `quick.js`, the same for a few verbs alone, whose start is most of their time; and
 * beside them the entries of workers and helpers (see entryFile in std).
 * One CommonJS file starts faster than ES modules: what it does not run costs nothing but its reading.
 */
export async function bundleProgram(folder: string, helpers: readonly string[]): Promise<void> {
  const common: BuildOptions = {
    outdir: folder,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    minify: true,
    legalComments: 'none',
    // What is loaded from V8's cache can't import() without a warning of Node's to the user; require() does as well.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'thisFile' },
    banner: { js: "const thisFile=require('node:url').pathToFileURL(__filename).href;" },
    // Native code stays outside; so does what only a registry's certificates and passwords need.
    external: ['koffi', '@node-rs/bcrypt', '@peculiar/x509', 'reflect-metadata'],
  };
  const plugins = [passDoors(), lazyBuiltins()];
  await build({ ...common, plugins, entryPoints: [...helpers, 'src/cli/start.ts'].map(entry) });
  const quick = {
    plugins: [...plugins, onlyVerbs(QUICK_VERBS)],
    entryPoints: [{ in: 'src/cli/start.ts', out: 'quick' }],
  };
  await build({ ...common, ...quick });

  writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}\n');
  await build({
    ...common,
    define: {
      BUILD: JSON.stringify(nameOf(folder)),
      VERB_WORDS: JSON.stringify(verbWords()),
      QUICK_VERBS: JSON.stringify(QUICK_VERBS),
    },
    banner: {},
    entryPoints: [{ in: 'src/cli/bundle-entry.ts', out: 'strata' }],
  });
}

/** Verbs that are started by the hundred, as they are typed. Each file is named for its verb. */
const QUICK_VERBS = ['run', 'exec', 'create', 'start'];

/** Leaves the files of all other verbs out. */
function onlyVerbs(verbs: readonly string[]): Plugin {
  return {
    name: 'only-verbs',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\/commands\/[a-z-]+\.ts$/ }, ({ path }) =>
        verbs.includes(basename(path, '.ts')) ? undefined : { path, namespace: 'left-out' },
      );
      onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => ({
        contents: `throw new Error(${JSON.stringify(`${basename(path, '.ts')} is not in this bundle`)});`,
      }));
    },
  };
}

/** A name for what is in the bundle: other content, other name. */
function nameOf(folder: string): string {
  const hash = createHash('sha256');
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)));
  return hash.digest('hex').slice(0, 12);
}

function verbWords(): string[] {
  return [
    ...new Set(program.verbs.flatMap(({ names }) => names.flatMap((name) => [name.split(' ')[0] as string, name]))),
  ];
}

function entry(file: string): { in: string; out: string } {
  return { in: file, out: file.replace(/^.*\/|\.ts$/g, '') };
}
