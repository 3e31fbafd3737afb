import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno, randomHex } from '../std/index.ts';
import type { ContainerRecord } from './container.ts';
import { isName, requireName } from './container-names.ts';
import { appendEvent } from './events.ts';
import { listContainers } from './find-container.ts';
import { readRecord, replaceRecord } from './record-file.ts';

export interface Volume {
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** Made for a VOLUME or a `-v /path` without a name. */
  readonly anonymous: boolean;
  /** Host path of what it holds. */
  readonly mountpoint: string;
}

type VolumeRecord = Omit<Volume, 'mountpoint'>;

/** Makes a volume; one that is there already is returned as it is, as docker does. */
export function createVolume(
  root: string,
  {
    name,
    labels = {},
    options = {},
    anonymous = name === undefined,
  }: {
    name?: string;
    labels?: Readonly<Record<string, string>>;
    options?: Readonly<Record<string, string>>;
    anonymous?: boolean;
  } = {},
): Volume {
  const chosen = name === undefined ? randomHex(32) : requireName(name, 'volume');
  const existing = getVolume(root, chosen);
  if (existing) return existing;
  const aside = join(root, 'volumes', `.new-${randomHex(6)}`);
  // Mode 0700 above what is mounted: a set-user-ID program in a volume must be out of reach for the machine's users (CVE-2021-41091).
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  mkdirSync(join(aside, '_data'), { mode: 0o755 });
  const record: VolumeRecord = { name: chosen, created: new Date().toISOString(), labels, options, anonymous };
  replaceRecord(join(aside, 'volume.json'), record);
  try {
    renameSync(aside, join(root, 'volumes', chosen));
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    return requireVolume(root, chosen); // somebody else made it meanwhile
  }
  appendEvent(root, { type: 'volume', action: 'create', id: chosen, attributes: { driver: 'local' } });
  return requireVolume(root, chosen);
}

export function getVolume(root: string, name: string): Volume | undefined {
  if (!isName(name)) return undefined;
  const folder = join(root, 'volumes', name);
  const record = readRecord<VolumeRecord>(join(folder, 'volume.json'));
  return record && { ...record, mountpoint: join(folder, '_data') };
}

export function requireVolume(root: string, name: string): Volume {
  const volume = getVolume(root, name);
  if (!volume) throw new EngineError('NotFound', `no such volume: ${name}`);
  return volume;
}

export function listVolumes(root: string): Volume[] {
  let names: string[];
  try {
    names = readdirSync(join(root, 'volumes'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  return names
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => getVolume(root, name))
    .filter((volume) => volume !== undefined);
}

/** Removes a volume with all it holds. Conflict where a container mounts it, even a stopped one. */
export async function removeVolume(
  root: string,
  name: string,
  { force = false }: { force?: boolean } = {},
): Promise<void> {
  const volume = getVolume(root, name);
  if (!volume) {
    if (force) return;
    throw new EngineError('NotFound', `no such volume: ${name}`);
  }
  const users = await usersOfVolume(root, name);
  if (users.length > 0)
    throw new EngineError(
      'Conflict',
      `volume ${name} is in use by ${users.map((id) => id.slice(0, 12)).join(', ')}; remove them first`,
    );
  const trash = join(root, 'trash', `volume-${name.slice(0, 64)}-${randomHex(6)}`);
  mkdirSync(join(root, 'trash'), { recursive: true, mode: 0o700 });
  renameSync(join(root, 'volumes', name), trash);
  rmSync(trash, { recursive: true, force: true });
  appendEvent(root, { type: 'volume', action: 'destroy', id: name, attributes: { driver: 'local' } });
}

/** Removes volumes that no container mounts: anonymous ones, or all. Returns what went. */
export async function pruneVolumes(
  root: string,
  { all = false, accept = () => true }: { all?: boolean; accept?: (volume: Volume) => boolean } = {},
): Promise<Volume[]> {
  const used = await usedVolumes(root);
  const removed: Volume[] = [];
  for (const volume of listVolumes(root)) {
    if (used.has(volume.name) || (!all && !volume.anonymous) || !accept(volume)) continue;
    await removeVolume(root, volume.name);
    removed.push(volume);
  }
  return removed;
}

export async function usersOfVolume(root: string, name: string): Promise<string[]> {
  return (await listContainers(root))
    .filter(({ mounts }) => mounts.some((mount) => mount.type === 'volume' && mount.name === name))
    .map(({ id }) => id);
}

async function usedVolumes(root: string): Promise<Set<string>> {
  const mounts = (await listContainers(root)).flatMap((container) => container.mounts);
  return new Set(mounts.flatMap((mount) => (mount.type === 'volume' && mount.name !== undefined ? [mount.name] : [])));
}

/** The volumes that were made for this container alone. */
export async function removeAnonymousVolumes(root: string, { mounts }: Pick<ContainerRecord, 'mounts'>): Promise<void> {
  for (const mount of mounts)
    if (mount.type === 'volume' && mount.anonymous && mount.name !== undefined) {
      try {
        await removeVolume(root, mount.name, { force: true });
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== 'Conflict') throw error; // another container took it up
      }
    }
}
