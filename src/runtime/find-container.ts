import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno } from '../std/index.ts';
import type { Container, ContainerRecord } from './container.ts';
import { ownerOfName } from './container-names.ts';
import { containerFrom } from './container-state.ts';
import { containerFolder, containersFolder } from './folders.ts';
import { readRecord } from './record-file.ts';

const ID = /^[0-9a-f]{64}$/;

/** All containers, newest first. One that is made or removed meanwhile is there whole or not at all. */
export async function listContainers(root: string): Promise<Container[]> {
  return containerIDs(root)
    .map((id) => readContainer(root, id))
    .filter((container) => container !== undefined)
    .sort((a, b) => (a.created < b.created ? 1 : -1));
}

/** The container with this name, id, or the only one whose id begins so: undefined for none, InvalidArgument for several. */
export function getContainer(root: string, wanted: string): Container | undefined {
  const owner = ownerOfName(root, wanted.replace(/^\//, ''));
  const named = owner === undefined ? undefined : readContainer(root, owner);
  if (named) return named;
  if (ID.test(wanted)) return readContainer(root, wanted);
  if (!/^[0-9a-f]+$/.test(wanted)) return undefined;
  const found = containerIDs(root).filter((id) => id.startsWith(wanted));
  if (found.length > 1)
    throw new EngineError(
      'InvalidArgument',
      `${wanted} begins the ids of ${found.length} containers; give more of it`,
      { details: { ids: found } },
    );
  return found[0] === undefined ? undefined : readContainer(root, found[0]);
}

/** {@link getContainer}, NotFound for none. */
export function requireContainer(root: string, wanted: string): Container {
  const container = getContainer(root, wanted);
  if (!container) throw new EngineError('NotFound', `no such container: ${wanted}`);
  return container;
}

/** The container with exactly this id. */
export function readContainer(root: string, id: string): Container | undefined {
  const folder = containerFolder(root, id);
  const record = readRecord<ContainerRecord>(join(folder, 'config.json'));
  return record && containerFrom(record, folder);
}

function containerIDs(root: string): string[] {
  try {
    return readdirSync(containersFolder(root)).filter((name) => ID.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
