import type { EngineOptions } from '../engine/index.ts';
import type { Globals } from './context.ts';

/** What the person chose, as the engine takes it: for verbs that work without the store. */
export function engineOptionsOf(
  globals: Globals,
  flags: { readonly insecureRegistry?: readonly string[] } = {},
): EngineOptions {
  return {
    configFolder: globals.configFolder,
    ...(globals.root !== undefined && { root: globals.root }),
    ...(globals.driver !== undefined && { driver: globals.driver }),
    ...(flags.insecureRegistry && flags.insecureRegistry.length > 0 && { insecureRegistries: flags.insecureRegistry }),
  };
}
