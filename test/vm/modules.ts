import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** The files of the kernel modules `wanted` and of all that they need, in the order of loading. `tree` is the unpacked package's `lib/modules/VERSION`. */
export function modulesFor(tree: string, wanted: readonly string[]): string[] {
  const files = new Map(globSync(`${tree}/**/*.ko`).map((path) => [nameOf(basename(path, '.ko')), path]));
  const ordered = new Set<string>();
  const add = (name: string): void => {
    const path = files.get(nameOf(name));
    if (path === undefined || ordered.has(path)) return; // built into the kernel, or there already
    for (const needed of needsOf(path)) add(needed);
    ordered.add(path);
  };
  for (const name of wanted) add(name);
  return [...ordered];
}

/** The section `.modinfo` holds `key=value` strings; `softdep` names those that are wanted before without a symbol of theirs. */
function needsOf(path: string): string[] {
  const bytes = readFileSync(path).toString('latin1');
  const hard = /\0depends=([^\0]*)/.exec(bytes)?.[1]?.split(',') ?? [];
  const soft = [...bytes.matchAll(/\0softdep=pre: ([^\0]*)/g)].flatMap(([, names = '']) => names.split(' '));
  return [...hard, ...soft].filter((name) => name !== '');
}

/** A module's name and its file's differ in these. */
function nameOf(name: string): string {
  return name.replaceAll('-', '_');
}
