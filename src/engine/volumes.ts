import {
  appendEvent,
  createVolume as create,
  listVolumes as list,
  listContainers,
  pruneVolumes as prune,
  removeVolume as remove,
  requireVolume,
  type Volume,
} from '../runtime/index.ts';
import { measureTree } from '../snapshot/index.ts';
import type { Engine } from './engine.ts';
import type { Pruned } from './prune-containers.ts';

export interface ListedVolume extends Volume {
  /** IDs of the containers that have it. */
  readonly users: readonly string[];
}

export async function createVolume(
  { root }: Engine,
  options: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> },
): Promise<Volume> {
  return create(root, options);
}

/** Every volume, with the containers that have it. */
export async function listVolumes({ root }: Engine): Promise<ListedVolume[]> {
  const containers = await listContainers(root);
  return list(root).map((volume) => ({
    ...volume,
    users: containers.flatMap(({ id, mounts }) =>
      mounts.some((mount) => mount.type === 'volume' && mount.name === volume.name) ? [id] : [],
    ),
  }));
}

/** What `docker volume inspect` prints. */
export async function inspectVolume({ root }: Engine, name: string): Promise<object> {
  const { created, labels, mountpoint, options } = requireVolume(root, name);
  return {
    CreatedAt: created,
    Driver: 'local',
    Labels: labels,
    Mountpoint: mountpoint,
    Name: name,
    Options: options,
    Scope: 'local',
  };
}

/** Conflict where a container has it. */
export async function removeVolume(
  { root }: Engine,
  name: string,
  options: { readonly force?: boolean } = {},
): Promise<void> {
  await remove(root, name, options);
  appendEvent(root, { type: 'volume', action: 'destroy', id: name, attributes: { driver: 'local' } });
}

/** Removes volumes that no container has: the anonymous ones, or with `all` those with names too. */
export async function pruneVolumes(
  { root }: Engine,
  { all = false, signal }: { readonly all?: boolean; readonly signal?: AbortSignal } = {},
): Promise<Pruned> {
  let bytes = 0;
  const sizes = new Map<string, number>();
  for (const { name, mountpoint } of list(root)) {
    signal?.throwIfAborted();
    sizes.set(name, measureTree(mountpoint).bytes);
  }
  const removed = await prune(root, { all });
  for (const { name } of removed) bytes += sizes.get(name) ?? 0;
  return { deleted: removed.map(({ name }) => name), bytes };
}
