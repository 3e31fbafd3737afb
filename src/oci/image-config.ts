import { EngineError } from '../std/index.ts';
import {
  checkBoolean,
  checkStringMap,
  checkStrings,
  requireArray,
  requireCount,
  requireObject,
  requireString,
  whenPresent,
  wrong,
} from './check.ts';
import { requireDigestAt } from './descriptor.ts';
import { parseStrictJson } from './strict-json.ts';
import type { ContainerConfig, History, ImageConfig } from './types.ts';

const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

/** Reads an image's config (image-spec config.md), of which unknown fields are kept. Throws InvalidArgument that names the field. */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  if (bytes.length > MAX_CONFIG_BYTES) {
    throw new EngineError(
      'ResourceExhausted',
      `image config has ${bytes.length} bytes, at most ${MAX_CONFIG_BYTES} are allowed`,
    );
  }
  const config = requireObject<ImageConfig>(parseStrictJson(bytes, 'image config'), 'image config');
  requireString(config.architecture, 'image config: architecture');
  requireString(config.os, 'image config: os');
  for (const field of ['variant', 'os.version', 'created', 'author'] as const) {
    whenPresent(config[field], `image config: ${field}`, requireString);
  }
  whenPresent(config['os.features'], 'image config: os.features', checkStrings);
  whenPresent(config.config, 'image config: config', checkContainerConfig);
  whenPresent(config.history, 'image config: history', checkHistory);

  const rootfs = requireObject<ImageConfig['rootfs']>(config.rootfs, 'image config: rootfs');
  if (rootfs.type !== 'layers') throw wrong('image config: rootfs.type', '"layers"', rootfs.type);
  // An image of no layers is written without the list by docker.
  const diffIDs = requireArray(rootfs.diff_ids ?? [], 'image config: rootfs.diff_ids');
  for (const [index, diffID] of diffIDs.entries()) requireDigestAt(diffID, `image config: rootfs.diff_ids[${index}]`);
  return { ...config, rootfs: { ...rootfs, diff_ids: diffIDs } } as ImageConfig;
}

function checkContainerConfig(value: unknown, where: string): void {
  const config = requireObject<ContainerConfig>(value, where);
  for (const field of ['User', 'WorkingDir', 'StopSignal'] as const) {
    whenPresent(config[field], `${where}.${field}`, requireString);
  }
  for (const field of ['Entrypoint', 'Cmd', 'OnBuild', 'Shell'] as const) {
    whenPresent(config[field], `${where}.${field}`, checkStrings);
  }
  for (const field of ['ExposedPorts', 'Volumes'] as const)
    whenPresent(config[field], `${where}.${field}`, requireObject);
  whenPresent(config.Env, `${where}.Env`, checkEnvironment);
  whenPresent(config.Labels, `${where}.Labels`, checkStringMap);
  whenPresent(config.ArgsEscaped, `${where}.ArgsEscaped`, checkBoolean);
  whenPresent(config.StopTimeout, `${where}.StopTimeout`, requireInteger);
  whenPresent(config.Healthcheck, `${where}.Healthcheck`, checkHealthcheck);
}

function checkEnvironment(value: unknown, where: string): void {
  checkStrings(value, where);
  for (const [index, entry] of (value as string[]).entries()) {
    if (entry.indexOf('=') < 1) throw wrong(`${where}[${index}]`, 'NAME=VALUE', entry);
  }
}

function checkHealthcheck(value: unknown, where: string): void {
  const healthcheck = requireObject<NonNullable<ContainerConfig['Healthcheck']>>(value, where);
  whenPresent(healthcheck.Test, `${where}.Test`, checkStrings);
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval', 'Retries'] as const) {
    whenPresent(healthcheck[field], `${where}.${field}`, requireCount);
  }
}

function checkHistory(value: unknown, where: string): void {
  for (const [index, item] of requireArray(value, where).entries()) {
    const entry = requireObject<History>(item, `${where}[${index}]`);
    for (const field of ['created', 'created_by', 'author', 'comment'] as const) {
      whenPresent(entry[field], `${where}[${index}].${field}`, requireString);
    }
    whenPresent(entry.empty_layer, `${where}[${index}].empty_layer`, checkBoolean);
  }
}

/** A stop timeout of -1 waits for ever. */
function requireInteger(value: unknown, where: string): void {
  if (!Number.isSafeInteger(value)) throw wrong(where, 'a whole number', value);
}
