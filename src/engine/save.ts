import type { Writable } from 'node:stream';
import { familiarName, requireImage } from '../image/index.ts';
import { type Digest, formatReference, parseReference } from '../oci/index.ts';
import { type Job, startJob } from '../std/index.ts';
import { storeSource, type TransferEvent, writeArchive } from '../transfer/index.ts';
import type { Engine } from './engine.ts';

export interface SaveOptions {
  readonly format?: 'docker' | 'oci';
  readonly signal?: AbortSignal;
}

/** Writes images with their names into one archive that `docker load`, podman and skopeo read; layers that several share are in it once. */
export function save(
  engine: Engine,
  names: readonly string[],
  output: string | Writable,
  options: SaveOptions = {},
): Job<TransferEvent, void> {
  return startJob(async ({ signal, report }) => {
    const { store } = engine;
    await using lease = await store.lease();
    const wanted = new Map<Digest, { references: string[]; source: ReturnType<typeof storeSource> }>();
    for (const text of names) {
      const { record, image, byName } = await requireImage(store, text);
      const { digest } = image.manifestDescriptor;
      await lease.add(digest);
      const entry = wanted.get(digest) ?? {
        references: [],
        source: storeSource(store.content, image.manifestDescriptor, familiarName(record) ?? digest),
      };
      if (byName && record.name !== undefined && parseReference(record.name).tag !== undefined)
        entry.references.push(formatReference(parseReference(record.name)));
      wanted.set(digest, entry);
    }
    await writeArchive(output, [...wanted.values()], { format: options.format ?? 'docker', signal, report });
  }, options);
}
