import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

/** Loads CommonJS files of one folder with what V8 compiled of them in earlier runs. */
export interface CodeCache {
  /** Its exports. Files of the folder that it requires are loaded in the same way. */
  load(file: string): unknown;
  /** Keeps for the next run what this one had to compile. */
  save(): void;
}

interface Loaded {
  readonly script: Script;
  readonly path: string;
}

/**
 * Node's own compile cache keeps a module as it is before anything of it ran: every function is then compiled again when it is first called,
 * in every run, which takes a fifth of a short one. This keeps what a run compiled, apart for each `use` of the program, as each needs other
 * functions. V8 refuses what another version of it or other flags made; `build` must name the files' content, of which it looks at the length
 * only. The cache lies in the folder: who may write there may change the program as well. Where it can't be written, nothing is lost.
 */
export function codeCache(folder: string, { build, use }: { build: string; use: string }): CodeCache {
  const engine = [process.version, process.arch, ...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  const place = join(folder, 'cache', `${build}-${engine.join('').replace(/[^\w.]/g, '')}`.slice(0, 200));
  const modules = new Map<string, { exports: unknown }>();
  const unsaved: Loaded[] = [];
  const native = createRequire(join(folder, 'strata.js'));

  const load = (name: string): unknown => {
    const known = modules.get(name);
    if (known) return known.exports;
    const filename = join(folder, name);
    const path = join(place, `${name}-${use}`);
    const cachedData = readCache(path);
    const script = new Script(
      `(function(exports,require,module,__filename,__dirname){${readFileSync(filename, 'utf8')}\n})`,
      {
        filename,
        ...(cachedData && { cachedData }),
      },
    );
    if (!cachedData || script.cachedDataRejected) unsaved.push({ script, path });
    const module = { exports: {} as unknown };
    modules.set(name, module);
    const required = (id: string): unknown => (id.startsWith('./') ? load(id.slice('./'.length)) : native(id));
    script.runInThisContext()(module.exports, Object.assign(required, native), module, filename, folder);
    return module.exports;
  };

  return {
    load,
    save() {
      for (const { script, path } of unsaved) {
        try {
          mkdirSync(place, { recursive: true, mode: 0o700 });
          const aside = `${path}.${process.pid}`;
          writeFileSync(aside, script.createCachedData(), { mode: 0o600, flush: true });
          renameSync(aside, path);
        } catch {
          return; // a folder that is not ours to write
        }
      }
    },
  };
}

function readCache(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
