import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseStrictJson } from '../oci/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import type { TokenOptions } from './auth.ts';
import type { CollectionOptions } from './collect.ts';
import type { Limits } from './limits.ts';
import type { AccessRule } from './policy.ts';
import type { ContentRules, ImmutableRule, QuotaRule, RetentionRule } from './rules.ts';
import {
  bytes,
  choice,
  dictionary,
  duration,
  either,
  fields,
  flag,
  isObject,
  list,
  type Problem,
  parseJson,
  refuseProblems,
  type Shape,
  text,
  whole,
} from './shape.ts';
import type { ExternalTokens } from './token-login.ts';

const ENV = 'STRATA_REGISTRY_';

/** What a configuration file says. Sizes are in bytes and times in milliseconds, however they were written. */
export interface RegistryConfig extends ContentRules {
  /** HOST:PORT. */
  readonly listen?: string;
  readonly folder?: string;
  /** Further names for the certificate. */
  readonly names?: readonly string[];
  readonly plainHttp?: boolean;
  readonly tls?: 'auto' | 'off' | { readonly cert: string; readonly key: string };
  readonly htpasswd?: string;
  readonly robots?: string;
  readonly realm?: string;
  readonly anonymousPull?: boolean;
  readonly access?: readonly AccessRule[];
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly tokens?: boolean | TokenOptions;
  /** A token server elsewhere; `keys` are files of PEM. */
  readonly external?: ExternalTokens;
  readonly delete?: boolean;
  readonly sparseIndexes?: boolean;
  readonly collection?: Pick<CollectionOptions, 'grace' | 'untagged'> & { readonly every?: number };
  readonly limits?: Partial<Limits>;
  readonly metrics?: 'loopback' | 'everybody' | 'off';
  readonly log?: 'none' | 'json';
}

const rule = list(choice('pull', 'push', 'delete', 'list'));
const keepSemver: Shape<boolean | number> = either(flag, whole, (value) => typeof value === 'boolean');

const CONFIG: Shape<RegistryConfig> = fields<RegistryConfig>({
  listen: text,
  folder: text,
  names: list(text),
  plainHttp: flag,
  tls: either(
    choice('auto', 'off'),
    fields<{ cert: string; key: string }>({ cert: text, key: text }, { required: ['cert', 'key'] }),
    (value) => !isObject(value),
  ),
  htpasswd: text,
  robots: text,
  realm: text,
  anonymousPull: flag,
  access: list(
    fields<AccessRule>(
      { who: list(text), repositories: list(text), actions: rule },
      { required: ['who', 'repositories', 'actions'] },
    ),
  ),
  groups: dictionary(list(text)),
  tokens: either(
    flag,
    fields<TokenOptions>({ service: text, publicUrl: text, life: whole }),
    (value) => !isObject(value),
  ),
  external: fields<ExternalTokens>(
    { realm: text, service: text, issuer: text, keys: list(text) },
    { required: ['realm', 'service', 'issuer', 'keys'] },
  ),
  delete: flag,
  sparseIndexes: flag,
  immutable: list(fields<ImmutableRule>({ repositories: text, tags: text }, { required: ['repositories'] })),
  quotas: list(fields<QuotaRule>({ repositories: text, bytes }, { required: ['repositories', 'bytes'] })),
  retention: list(
    fields<RetentionRule>(
      { repositories: text, keepLast: whole, keepPulledWithin: duration, keepSemver, keep: list(text) },
      { required: ['repositories'] },
    ),
  ),
  collection: fields<Pick<CollectionOptions, 'grace' | 'untagged'> & { every?: number }>({
    every: duration,
    grace: duration,
    untagged: flag,
  }),
  limits: fields<Partial<Limits>>({
    manifestBytes: bytes,
    blobBytes: bytes,
    uploads: whole,
    pageSize: whole,
    headerBytes: bytes,
    headerTime: duration,
    idleTime: duration,
    slowestUpload: bytes,
    connections: whole,
    uploadLife: duration,
    stopTime: duration,
    drainTime: duration,
  }),
  metrics: choice('loopback', 'everybody', 'off'),
  log: choice('none', 'json'),
});

/**
 * A registry's configuration: a JSON file, if one is named, and over it the environment's `STRATA_REGISTRY_…`: `STRATA_REGISTRY_LIMITS_UPLOADS` is
 * `limits.uploads`. Paths in the file are relative to it. Throws InvalidArgument that names every key that is wrong, and NotFound.
 */
export async function readRegistryConfig(
  file: string | undefined,
  { env }: { env: Readonly<Record<string, string | undefined>> },
): Promise<RegistryConfig> {
  const problems: Problem[] = [];
  const fromFile = file === undefined ? {} : (CONFIG.check(await readJson(file), '', problems) ?? {});
  refuseProblems(file ?? '', problems);
  const settled = file === undefined ? fromFile : withPathsFrom(fromFile, dirname(resolve(file)));
  const named = namesIn(CONFIG);
  let config = settled;
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(ENV) || value === undefined || value === '') continue;
    const found = named.get(name);
    if (!found) {
      problems.push({ key: name, message: 'names no key of the configuration' });
      continue;
    }
    const checked = found.shape.check((found.shape.fromText ?? parseJson)(value), name, problems);
    if (checked !== undefined) config = withValue(config, found.path, checked);
  }
  refuseProblems('the environment', problems);
  return config;
}

async function readJson(file: string): Promise<unknown> {
  const content = await readFile(file).catch((error: unknown) => {
    throw isErrno(error, 'ENOENT') ? new EngineError('NotFound', `no configuration ${file}`) : error;
  });
  return parseStrictJson(content, file);
}

/** Environment names of all keys, those within objects too. */
function namesIn(
  shape: Shape<unknown>,
  path: readonly string[] = [],
): Map<string, { readonly path: readonly string[]; readonly shape: Shape<unknown> }> {
  const found = new Map<string, { path: readonly string[]; shape: Shape<unknown> }>();
  for (const [name, inner] of Object.entries(shape.fields ?? {})) {
    const at = [...path, name];
    found.set(ENV + at.map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_'), {
      path: at,
      shape: inner,
    });
    for (const [key, value] of namesIn(inner, at)) found.set(key, value);
  }
  return found;
}

function withValue<Value extends object>(
  object: Value,
  [name = '', ...rest]: readonly string[],
  value: unknown,
): Value {
  const inner = (object as Record<string, unknown>)[name];
  return { ...object, [name]: rest.length === 0 ? value : withValue(isObject(inner) ? inner : {}, rest, value) };
}

function withPathsFrom(config: RegistryConfig, folder: string): RegistryConfig {
  const at = (path: string): string => resolve(folder, path);
  const { tls, external } = config;
  return {
    ...config,
    ...(config.folder !== undefined && { folder: at(config.folder) }),
    ...(config.htpasswd !== undefined && { htpasswd: at(config.htpasswd) }),
    ...(config.robots !== undefined && { robots: at(config.robots) }),
    ...(external && { external: { ...external, keys: external.keys.map(at) } }),
    ...(typeof tls === 'object' && { tls: { cert: at(tls.cert), key: at(tls.key) } }),
  };
}
