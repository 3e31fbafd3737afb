import { EngineError } from '../std/index.ts';
import { askHelper, eraseWithHelper, storeWithHelper } from './credential-helper.ts';
import { type AuthEntry, changeConfig, configFileOf, type DockerConfig, readConfig } from './docker-config.ts';

/** How to log in at a registry: a user and a password, or a token that stands for them. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  /** Exchanged at the token server for access (OAuth2's refresh token). */
  readonly identityToken?: string;
  /** Sent to the registry as it is. */
  readonly registryToken?: string;
}

export interface CredentialOptions {
  /** A `config.json`; else `$REGISTRY_AUTH_FILE`, `$DOCKER_CONFIG/config.json`, `~/.docker/config.json`. */
  readonly configFile?: string | undefined;
}

const DOCKER_HUB = 'docker.io';
/** What docker.io is called in these files since before it had that name. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
/** The user name under which helpers keep identity tokens. */
const TOKEN_USER = '<token>';

/** What is stored for `registry` (`docker.io`, `127.0.0.1:5000`), by docker's rules: its own helper, else the default one, else the file. */
export async function loadCredentials(
  registry: string,
  options: CredentialOptions = {},
): Promise<Credentials | undefined> {
  const file = configFileOf(options.configFile);
  const config = await readConfig(file);
  const helper = helperOf(config, registry);
  if (helper) {
    const found = await askHelper(helper, keyOf(registry), file);
    if (found) {
      return found.username === TOKEN_USER
        ? { identityToken: found.secret }
        : { username: found.username, password: found.secret };
    }
    if (config.credHelpers?.[registry]) return undefined;
  }
  const entry = findEntry(config, registry);
  return entry && credentialsOf(entry, registry, file);
}

/** Stores a login where {@link loadCredentials} finds it. The file stays private (0600) and keeps what else is in it. */
export async function storeCredentials(
  registry: string,
  credentials: Credentials,
  options: CredentialOptions = {},
): Promise<void> {
  const file = configFileOf(options.configFile);
  const helper = helperOf(await readConfig(file), registry);
  const { username, password, identityToken } = credentials;
  const secret = identityToken ?? password;
  if (secret === undefined) throw new EngineError('InvalidArgument', `no password or token to store for ${registry}`);
  if (username?.includes(':')) {
    throw new EngineError('InvalidArgument', `a user name may not contain ":": ${JSON.stringify(username)}`);
  }
  if (helper) {
    const user = identityToken === undefined ? (username ?? '') : TOKEN_USER;
    await storeWithHelper(helper, { server: keyOf(registry), username: user, secret }, file);
  }
  await changeConfig(file, (config) => {
    const entry: AuthEntry = helper
      ? {}
      : {
          auth: Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64'),
          ...(identityToken !== undefined && { identitytoken: identityToken }),
        };
    const auths = Object.entries(config.auths ?? {}).filter(([key]) => !namesRegistry(key, registry));
    return { ...config, auths: Object.fromEntries([...auths, [keyOf(registry), entry]]) };
  });
}

/** Removes what is stored for `registry`; whether there was something. */
export async function eraseCredentials(registry: string, options: CredentialOptions = {}): Promise<boolean> {
  const file = configFileOf(options.configFile);
  const config = await readConfig(file);
  const helper = helperOf(config, registry);
  const erased = helper ? await eraseWithHelper(helper, keyOf(registry), file) : false;
  const auths = Object.entries(config.auths ?? {});
  if (!auths.some(([key]) => namesRegistry(key, registry))) return erased;
  await changeConfig(file, (current) => ({
    ...current,
    auths: Object.fromEntries(Object.entries(current.auths ?? {}).filter(([key]) => !namesRegistry(key, registry))),
  }));
  return true;
}

function helperOf({ credHelpers, credsStore }: DockerConfig, registry: string): string | undefined {
  return credHelpers?.[registry] ?? credHelpers?.[keyOf(registry)] ?? (credsStore || undefined);
}

function keyOf(registry: string): string {
  return registry === DOCKER_HUB ? DOCKER_HUB_KEY : registry;
}

function findEntry({ auths = {} }: DockerConfig, registry: string): AuthEntry | undefined {
  const exact = auths[keyOf(registry)];
  return exact ?? Object.entries(auths).find(([key]) => namesRegistry(key, registry))?.[1];
}

/** Old clients wrote keys as URLs: `https://HOST/v1/`. */
function namesRegistry(key: string, registry: string): boolean {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === registry || (registry === DOCKER_HUB && host === 'index.docker.io');
}

function credentialsOf(entry: AuthEntry, registry: string, file: string): Credentials | undefined {
  if (entry.registrytoken) return { registryToken: entry.registrytoken };
  if (entry.identitytoken) return { identityToken: entry.identitytoken };
  if (entry.auth) {
    // docker pads some of them with NULs.
    const decoded = Buffer.from(entry.auth, 'base64').toString().replace(/\0+$/, '');
    const colon = decoded.indexOf(':');
    if (colon < 1)
      throw new EngineError('InvalidArgument', `the login for ${registry} in ${file} is not base64 of USER:PASSWORD`);
    return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  if (entry.username) return { username: entry.username, password: entry.password ?? '' };
  return undefined;
}
