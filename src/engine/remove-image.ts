import { familiarName, type Image, readRecord, requireImage } from '../image/index.ts';
import { type Digest, parseReference } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { freeUnreferenced, type ImageRecord } from '../store/index.ts';
import { collectOptions, containersOf } from './collection.ts';
import type { Engine } from './engine.ts';
import { imageEvent } from './image-event.ts';

export interface RemoveImageOptions {
  /** Takes away all names at once, and the name of an image that a stopped container was made from. */
  readonly force?: boolean;
  /** Counts what the unpacked files took, too: it takes a walk over all of them. */
  readonly measure?: boolean;
}

/** What docker prints as `Untagged:` and `Deleted:` lines. */
export interface RemovedImage {
  readonly untagged: readonly string[];
  readonly deleted: readonly Digest[];
  readonly bytes: number;
}

/**
 * Takes the name away; with an image's last name goes all of it that no other image, container or running pull needs. An ID stands for all
 * names of its image. Conflict where a container needs the image, or where an ID has names in several repositories and `force` is not given.
 */
export async function removeImage(
  engine: Engine,
  text: string,
  { force = false, measure = false }: RemoveImageOptions = {},
): Promise<RemovedImage> {
  const { store } = engine;
  const { image, record, byName } = await requireImage(store, text);
  const same = (await store.images.list()).filter(({ descriptor }) => descriptor.digest === record.descriptor.digest);
  const going = byName ? [record] : same;
  const repositories = new Set(going.flatMap(({ name }) => (name === undefined ? [] : [repositoryOf(name)])));
  if (!byName && repositories.size > 1 && !force) {
    throw new EngineError(
      'Conflict',
      `image ${text} has names in several repositories (${[...repositories].join(', ')}); remove each name, or use --force`,
    );
  }
  if (going.length === same.length) await refuseWhereUsed(engine, image, text, force);

  const untagged: string[] = [];
  for (const one of going) {
    if (one.name === undefined)
      await store.images.update((records) =>
        records.filter((other) => other.name !== undefined || other.descriptor.digest !== one.descriptor.digest),
      );
    else if (await store.images.delete(one.name)) untagged.push(familiarName(one) ?? one.name);
  }
  for (const name of untagged) imageEvent(engine, 'untag', name);
  if (going.length < same.length) return { untagged, deleted: [], bytes: 0 };
  const pinned = digestsOf(going);
  const freed = await freeUnreferenced(store, record.descriptor, await collectOptions(engine, { measure }));
  for (const id of freed.images) imageEvent(engine, 'delete', id);
  return {
    untagged: [...new Set([...untagged, ...pinned])],
    deleted: [...freed.images, ...freed.chains],
    bytes: freed.bytes,
  };
}

async function refuseWhereUsed(engine: Engine, image: Image, text: string, force: boolean): Promise<void> {
  const containers = await containersOf(engine, image.id);
  if (containers.length === 0 || (await isElsewhere(engine, image))) return;
  for (const container of containers) {
    if (container.running)
      throw new EngineError(
        'Conflict',
        `image ${text} is used by the running container ${container.name}; stop and remove that first`,
      );
    if (!force)
      throw new EngineError(
        'Conflict',
        `image ${text} is used by the stopped container ${container.name}; remove that first, or use --force`,
      );
  }
}

/** Whether another manifest has the same image, as what was made here and what was pulled back have: the name is not its last then. */
async function isElsewhere({ store }: Engine, { id, target }: Image): Promise<boolean> {
  for (const record of await store.images.list()) {
    if (record.descriptor.digest === target.digest) continue;
    const other = await readRecord(store.content, record).catch(() => undefined); // a broken one keeps nothing
    if (other?.id === id) return true;
  }
  return false;
}

function repositoryOf(name: string): string {
  const { registry, repository } = parseReference(name);
  return `${registry}/${repository}`;
}

/** `debian@sha256:…`: docker tells these as untagged too. */
function digestsOf(records: readonly ImageRecord[]): string[] {
  return [
    ...new Set(
      records.flatMap((record) =>
        record.source === undefined ? [] : [familiarName({ ...record, name: record.source }) ?? record.source],
      ),
    ),
  ];
}
