import { builtinModules, createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * What takes milliseconds to load and most commands need little or nothing of. Modules whose classes ours extend are not worth it: they are
 * needed as soon as ours are set up.
 */
const LATE = ['node:crypto', 'node:fs/promises', 'node:worker_threads', 'node:zlib', 'node:child_process'];

/** Lets the bundle load some of Node's own modules only when a function of theirs is first used: the import says no more than where it comes from. */
export function lazyBuiltins(): Plugin {
  const load = createRequire(import.meta.url);
  return {
    name: 'lazy-builtins',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
        namespace !== 'late' && LATE.includes(path) && builtinModules.includes(path.slice('node:'.length))
          ? { path, namespace: 'late' }
          : { path, external: true },
      );
      onLoad({ filter: /./, namespace: 'late' }, ({ path }) => {
        const names = Object.keys(load(path)).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
        const getters = names.map((name) => `get ${name}() { return require('${path}').${name}; }`);
        return { contents: `module.exports = {\n${getters.join(',\n')}\n};\n` };
      });
    },
  };
}
