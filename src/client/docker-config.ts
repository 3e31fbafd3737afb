import { mkdir, readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { EngineError, errorMessage, isErrno, writeFileAtomic } from '../std/index.ts';

/** The part of docker's `config.json` that is about logins; other fields are kept as they are. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, AuthEntry>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

export interface AuthEntry {
  /** Base64 of `USER:PASSWORD`. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** The file in use: `given`, else as podman and docker choose it. */
export function configFileOf(given: string | undefined): string {
  const { REGISTRY_AUTH_FILE: authFile, DOCKER_CONFIG: folder } = process.env;
  return given ?? (authFile || join(folder || join(homedir(), '.docker'), 'config.json'));
}

/** Its content; empty where there is no file. Throws InvalidArgument without showing what is in it. */
export async function readConfig(file: string): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return {};
    throw new EngineError('PermissionDenied', `can't read ${file}: ${errorMessage(error)}`, { cause: error });
  }
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    value = undefined; // the parser's message quotes the text, where passwords are
  }
  if (!isStringMapOf(value, () => true)) throw malformed(file, 'it is not a JSON object');
  const { auths, credHelpers, credsStore } = value;
  if (!isAbsent(auths) && !isStringMapOf(auths, isEntry)) throw malformed(file, 'auths');
  if (!isAbsent(credHelpers) && !isStringMapOf(credHelpers, (name) => typeof name === 'string')) {
    throw malformed(file, 'credHelpers');
  }
  if (!isAbsent(credsStore) && typeof credsStore !== 'string') throw malformed(file, 'credsStore');
  return value as DockerConfig;
}

/** Replaces the file with what `change` makes of it; private, and whole at every moment. */
export async function changeConfig(file: string, change: (config: DockerConfig) => DockerConfig): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  // People keep it as a link into their dotfiles: the target is replaced, not the link.
  const target = await realpath(file).catch(() => file);
  await writeFileAtomic(target, `${JSON.stringify(change(await readConfig(target)), undefined, '\t')}\n`, {
    mode: 0o600,
  });
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isStringMapOf(value: unknown, check: (item: unknown) => boolean): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(check);
}

function isEntry(value: unknown): boolean {
  return (
    isStringMapOf(value, () => true) &&
    FIELDS.every((field) => isAbsent(value[field]) || typeof value[field] === 'string')
  );
}

const FIELDS = ['auth', 'username', 'password', 'identitytoken', 'registrytoken'] as const;

function malformed(file: string, what: string): EngineError {
  return new EngineError(
    'InvalidArgument',
    `${file} is malformed (${what}); mend it, or move it away and log in again`,
  );
}
