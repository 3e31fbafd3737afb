import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { EngineError, isErrno } from '../std/index.ts';

/** What a machine's or a user's file says about registries, under the keys of docker's daemon.json. */
export interface RegistrySettings {
  readonly insecureRegistries: readonly string[];
  /** For each registry, where to pull from first. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
}

/** The files that are read, later ones over earlier: the machine's, then the user's; `STRATA_CONFIG` names one instead of both. */
function settingsFiles(env: NodeJS.ProcessEnv): string[] {
  if (env['STRATA_CONFIG']) return [env['STRATA_CONFIG']];
  return [
    '/etc/overstrata/config.json',
    join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'overstrata/config.json'),
  ];
}

/**
 * `{"insecure-registries": ["host:5000"], "registry-mirrors": {"docker.io": ["mirror.example.com"]}}`; a plain list of mirrors is docker.io's, as
 * docker has it. Throws InvalidArgument for a file that says something else.
 */
export async function readRegistrySettings(env: NodeJS.ProcessEnv = process.env): Promise<RegistrySettings> {
  let insecureRegistries: readonly string[] = [];
  let mirrors: Readonly<Record<string, readonly string[]>> = {};
  for (const path of settingsFiles(env)) {
    const settings = await readSettings(path);
    insecureRegistries = [...insecureRegistries, ...(settings?.insecureRegistries ?? [])];
    mirrors = { ...mirrors, ...settings?.mirrors };
  }
  return { insecureRegistries, mirrors };
}

async function readSettings(path: string): Promise<RegistrySettings | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const refuse = (what: string): never => {
    throw new EngineError('InvalidArgument', `${path}: ${what}`);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EngineError('InvalidArgument', `${path} is not JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('expected an object');
  const { 'insecure-registries': insecure = [], 'registry-mirrors': mirrors = {} } = value as Record<string, unknown>;
  if (!isStrings(insecure)) return refuse('insecure-registries is a list of HOST[:PORT]');
  const byRegistry = isStrings(mirrors) ? { 'docker.io': mirrors } : mirrors;
  if (typeof byRegistry !== 'object' || byRegistry === null || !Object.values(byRegistry).every(isStrings)) {
    return refuse('registry-mirrors gives each registry a list of mirrors');
  }
  return { insecureRegistries: insecure, mirrors: byRegistry as Record<string, readonly string[]> };
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
