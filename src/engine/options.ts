import { homedir } from 'node:os';
import { join } from 'node:path';

export interface EngineOptions {
  /** The state folder; {@link defaultRoot} where nothing is said. */
  readonly root?: string;
  /** Storage driver; else what the state was made with, else the best that works here. */
  readonly driver?: string;
  /** Docker's folder of credentials: `$DOCKER_CONFIG`, `~/.docker`. */
  readonly configFolder?: string;
  /** Registries that may be spoken to by plain HTTP or with a certificate that nobody vouches for. */
  readonly insecureRegistries?: readonly string[];
  /** How this program is started: program and first arguments. Containers in the background need it, to have somebody look after their end. */
  readonly program?: readonly string[];
  /** Registries to ask before the one that is named. */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
}

/** `/var/lib/overstrata` for root, a user's data folder for everyone else; `STRATA_ROOT` names another. */
export function defaultRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env['STRATA_ROOT']) return env['STRATA_ROOT'];
  if (process.getuid?.() === 0) return '/var/lib/overstrata';
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'overstrata');
}
