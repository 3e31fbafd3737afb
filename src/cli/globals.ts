import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Globals } from './context.ts';
import type { Flags, FlagValues } from './flags.ts';

const declared = {
  config: {
    kind: 'string',
    env: 'DOCKER_CONFIG',
    complete: 'file',
    description: 'Folder of the client configuration: registry credentials and helpers (default "~/.docker")',
  },
  debug: { kind: 'boolean', short: 'D', env: 'STRATA_DEBUG', description: 'Show causes and stacks of errors' },
  host: {
    kind: 'string',
    short: 'H',
    env: 'STRATA_HOST',
    description: 'Talk to a daemon elsewhere; not there yet',
  },
  root: { kind: 'string', env: 'STRATA_ROOT', complete: 'file', description: 'State folder' },
  storageDriver: {
    kind: 'string',
    env: 'STRATA_DRIVER',
    description: 'Storage driver; the best one that works here if absent',
  },
  version: { kind: 'boolean', short: 'v', description: 'Print the version and quit' },
} as const satisfies Flags;

/** Flags that stand before the verb. */
export const globalFlags: Flags = declared;

/** Their values, as the engine and the verbs read them. */
export function globalsOf(values: Readonly<Record<string, unknown>>): Globals & { readonly version: boolean } {
  const flags = values as FlagValues<typeof declared>;
  return {
    root: flags.root || undefined,
    driver: flags.storageDriver || undefined,
    host: flags.host || undefined,
    configFolder: flags.config || join(homedir(), '.docker'),
    debug: flags.debug,
    version: flags.version,
  };
}
