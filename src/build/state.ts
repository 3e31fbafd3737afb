import { Scope } from '../dockerfile/index.ts';
import type { ContainerConfig, History, Platform } from '../oci/index.ts';
import type { Layer } from './layers.ts';

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** An image as it is built, after one instruction. A value: a stage that stands on another takes it as it is. */
export interface BuildState {
  readonly stack: readonly Layer[];
  readonly config: ContainerConfig;
  readonly history: readonly History[];
  readonly platform: Platform;
  readonly author?: string;
  /** RFC 3339; of the last layer, or of the base. */
  readonly created?: string;
  /** Whether CMD was given since the base image: ENTRYPOINT drops one that was not. */
  readonly cmdSet: boolean;
  readonly scope: Scope;
}

/** What the Dockerfile's variables are resolved with. */
export interface Variables {
  readonly globals: ReadonlyMap<string, string>;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly escapeCharacter: string;
}

/** `NAME=value` as pairs. */
export function envPairs(env: readonly string[] = []): [string, string][] {
  return env.map((entry) => {
    const equals = entry.indexOf('=');
    return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
  });
}

/** What `FROM scratch` begins with, as BuildKit has it. */
export function scratchState(platform: Platform, variables: Variables): BuildState {
  return imageState({ stack: [], config: { WorkingDir: '/' }, history: [], platform }, variables);
}

/** An image's state, with a PATH. */
export function imageState(
  image: Pick<BuildState, 'stack' | 'config' | 'history' | 'platform' | 'author' | 'created'>,
  variables: Variables,
): BuildState {
  const env = image.config.Env ?? [];
  const config = env.some((entry) => entry.startsWith('PATH='))
    ? image.config
    : { ...image.config, Env: [...env, `PATH=${DEFAULT_PATH}`] };
  return { ...image, config, cmdSet: false, scope: new Scope({ ...variables, env: envPairs(config.Env) }) };
}

/** A state to go on from: ARGs that the stage below declared are known. */
export function inheritState(below: BuildState, variables: Variables): BuildState {
  const scope = new Scope({ ...variables, env: envPairs(below.config.Env), args: below.scope.args });
  return { ...below, scope };
}
