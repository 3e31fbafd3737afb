import { type Digest, familiarReference, formatReference, parseReference, withDefaultTag } from '../oci/index.ts';
import { EngineError, hasCode } from '../std/index.ts';
import type { ImageRecord, Store } from '../store/index.ts';
import { type Image, readRecord } from './image.ts';

/** An image and every record that means it. */
export interface FoundImage {
  readonly image: Image;
  /** The record that the text named; for an ID the first of all. */
  readonly record: ImageRecord;
  /** Whether the text was a name, rather than an ID. */
  readonly byName: boolean;
}

/** Finds what people type: `debian`, `debian:12`, `debian@sha256:…`, an image ID whole or as a unique prefix, a manifest's digest. */
export async function findImage(store: Store, text: string): Promise<FoundImage | undefined> {
  const records = await store.images.list();
  const named = findByName(records, text);
  if (named) return { image: await readRecord(store.content, named), record: named, byName: true };
  return findByID(store, records, text);
}

/** {@link findImage}, NotFound with docker's words where there is none. */
export async function requireImage(store: Store, text: string): Promise<FoundImage> {
  const found = await findImage(store, text);
  if (found) return found;
  throw new EngineError('NotFound', `no such image: ${text}; see strata images, or strata pull ${text}`);
}

function findByName(records: readonly ImageRecord[], text: string): ImageRecord | undefined {
  let reference: ReturnType<typeof parseReference>;
  try {
    reference = parseReference(text);
  } catch (error) {
    if (hasCode(error, 'InvalidArgument')) return undefined; // a bare ID is no reference
    throw error;
  }
  const { digest } = reference;
  if (!digest) {
    const name = formatReference(withDefaultTag(reference));
    return records.find((record) => record.name === name);
  }
  const repository = `${reference.registry}/${reference.repository}`;
  return records.find(
    (record) =>
      record.descriptor.digest === digest && record.name !== undefined && repositoryOf(record.name) === repository,
  );
}

async function findByID(store: Store, records: readonly ImageRecord[], text: string): Promise<FoundImage | undefined> {
  const hex = text.startsWith('sha256:') ? text.slice('sha256:'.length) : text;
  if (!/^[0-9a-f]{2,64}$/.test(hex)) return undefined;
  const found = new Map<Digest, FoundImage>();
  for (const record of records) {
    const image = await readRecord(store.content, record).catch(() => undefined); // a broken image must not hide the others: fsck names it
    if (!image) continue;
    const ids = [image.id, image.manifestDescriptor.digest, image.target.digest];
    if (!ids.some((id) => id.startsWith(`sha256:${hex}`)) || found.has(image.id)) continue;
    found.set(image.id, { image, record, byName: false });
    if (hex.length === 64) break; // a whole ID is one image's
  }
  if (found.size > 1)
    throw new EngineError(
      'InvalidArgument',
      `image ID ${text} is ambiguous: ${[...found.keys()].map((id) => id.slice(7, 19)).join(', ')}`,
    );
  return found.values().next().value;
}

/** `docker.io/library/debian` of `docker.io/library/debian:12` or `…@sha256:…`. */
export function repositoryOf(name: string): string {
  const { registry, repository } = parseReference(name);
  return `${registry}/${repository}`;
}

/** Names as people read them: `debian:12`; undefined for a dangling image. */
export function familiarName(record: ImageRecord): string | undefined {
  return record.name === undefined ? undefined : familiarReference(parseReference(record.name));
}

/** `debian@sha256:…` of every repository that `records` of one image were pulled from or pushed to: their sources name it. */
export function repoDigests(records: readonly ImageRecord[]): string[] {
  const known = new Set<string>();
  for (const { source } of records) {
    if (source === undefined) continue;
    const { registry, repository, digest } = parseReference(source);
    if (digest) known.add(familiarReference({ registry, repository, digest }));
  }
  return [...known].sort();
}
