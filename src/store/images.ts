import type { Descriptor, Digest } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { touchFile } from './blob-file.ts';
import { type ImageRecord, readIndexFile, writeIndexFile } from './index-file.ts';
import { blobPath, lockState } from './state.ts';

/** What names mean. Reading takes no lock and sees a whole state, before or after any change. */
export interface ImageStore {
  /** In the order in which they were tagged. */
  list(): Promise<ImageRecord[]>;
  /** `name` is a full canonical reference: `docker.io/library/debian:12`. */
  get(name: string): Promise<ImageRecord | undefined>;
  /**
   * Gives an image a name, or with `undefined` keeps it as a dangling one. Gives back what the name meant before; that stays, dangling unless another
   * name holds it. NotFound where the manifest is not in the store. The caller holds a lease from before it wrote or touched the image's blobs.
   */
  set(
    name: string | undefined,
    descriptor: Descriptor,
    options?: { source?: string },
  ): Promise<ImageRecord | undefined>;
  /** Takes a name away, and gives back what it meant. The image's blobs stay until they are collected. */
  delete(name: string): Promise<ImageRecord | undefined>;
  /** Takes every record of an image away, dangling ones included. */
  deleteDescriptor(digest: Digest): Promise<ImageRecord[]>;
  /** Any other change, under the lock. `change` sees all records and gives all that are to be; it may run for nothing when it throws. */
  update(change: (records: readonly ImageRecord[]) => readonly ImageRecord[]): Promise<ImageRecord[]>;
}

export function openImages(root: string): ImageStore {
  const update: ImageStore['update'] = async (change) => {
    using _lock = await lockState(root, 'images');
    const index = await readIndexFile(root);
    const known = new Set(index.records.map(({ descriptor }) => descriptor.digest));
    const records = [...change(index.records)];
    const fresh = records.filter(({ descriptor }) => !known.has(descriptor.digest));
    // Held until the record is written: a collector sees the blob touched, or the record.
    using _content = fresh.length > 0 ? await lockState(root, 'content', { mode: 'shared' }) : undefined;
    for (const { name, descriptor } of fresh) {
      if (!(await touchFile(blobPath(root, descriptor.digest)))) {
        throw new EngineError('NotFound', `no manifest ${descriptor.digest} in the store${name ? ` for ${name}` : ''}`);
      }
    }
    await writeIndexFile(root, { ...index, records });
    return records;
  };

  return {
    update,

    async list() {
      return (await readIndexFile(root)).records;
    },

    async get(name) {
      return (await readIndexFile(root)).records.find((record) => record.name === name);
    },

    async set(name, descriptor, { source } = {}) {
      let before: ImageRecord | undefined;
      await update((records) => {
        before = name === undefined ? undefined : records.find((record) => record.name === name);
        return withRecord(records, { name, descriptor, source }, before);
      });
      return before;
    },

    async delete(name) {
      let before: ImageRecord | undefined;
      await update((records) => {
        before = records.find((record) => record.name === name);
        return records.filter((record) => record !== before);
      });
      return before;
    },

    async deleteDescriptor(digest) {
      let removed: ImageRecord[] = [];
      await update((records) => {
        removed = records.filter(({ descriptor }) => descriptor.digest === digest);
        return records.filter(({ descriptor }) => descriptor.digest !== digest);
      });
      return removed;
    },
  };
}

function withRecord(
  records: readonly ImageRecord[],
  { name, descriptor, source }: { name: string | undefined; descriptor: Descriptor; source: string | undefined },
  before: ImageRecord | undefined,
): ImageRecord[] {
  const same = records.filter((record) => record.descriptor.digest === descriptor.digest);
  if (name === undefined && same.length > 0) return [...records];
  const dangling = same.find((record) => record.name === undefined);
  const from = source ?? (before && same.includes(before) ? before : dangling)?.source;
  const after = records.filter((record) => record !== before && record !== dangling);
  if (
    before &&
    !same.includes(before) &&
    !after.some((other) => other.descriptor.digest === before.descriptor.digest)
  ) {
    const { name: _lost, ...rest } = before;
    after.push(rest);
  }
  after.push({
    ...(name !== undefined && { name }),
    descriptor,
    ...(from !== undefined && { source: from }),
    tagged: new Date(),
  });
  return after;
}
