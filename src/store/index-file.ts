import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Descriptor, encodeDocument, isDigest, parseDescriptor } from '../oci/index.ts';
import { EngineError, isErrno, writeFileAtomic } from '../std/index.ts';
import { onDisk } from './disk-error.ts';

/** One entry of index.json: an image, and a name for it unless it is dangling. */
export interface ImageRecord {
  /** A full canonical reference. */
  readonly name?: string;
  /** A manifest or an index, without the annotations that say what follows. */
  readonly descriptor: Descriptor;
  /** Where it was pulled from, for repair. */
  readonly source?: string;
  readonly tagged?: Date;
}

/** `index.json` as this program reads it; what it does not know of is written back as it was. */
export interface IndexFile {
  readonly records: ImageRecord[];
  readonly rest: Readonly<Record<string, unknown>>;
}

/** image-spec annotations.md. */
const NAME = 'org.opencontainers.image.ref.name';
const SOURCE = 'org.overstrata.source';
const TAGGED = 'org.overstrata.tagged';

/** DataLoss where it is damaged or missing. Entries that are no descriptors are passed over; `fsck` tells of them. */
export async function readIndexFile(root: string): Promise<IndexFile> {
  const { entries, rest } = await readIndexEntries(root);
  return { rest, records: entries.filter(isUsable).map(recordOf) };
}

/** The entries of index.json, unchecked. */
export async function readIndexEntries(
  root: string,
): Promise<{ entries: unknown[]; rest: Readonly<Record<string, unknown>> }> {
  const path = join(root, 'index.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new EngineError('DataLoss', `${path} is missing; see strata fsck --repair`, { cause: error });
  }
  try {
    const { manifests, ...rest } = JSON.parse(text);
    if (Array.isArray(manifests ?? [])) return { entries: manifests ?? [], rest };
  } catch (error) {
    throw new EngineError('DataLoss', `${path} is damaged; see strata fsck --repair`, { cause: error });
  }
  throw new EngineError('DataLoss', `${path} is damaged: manifests is no list; see strata fsck --repair`);
}

/** Replaces index.json; the caller holds the lock `images`. */
export async function writeIndexFile(root: string, { records, rest }: IndexFile): Promise<void> {
  const document = { schemaVersion: 2, ...rest, manifests: records.map(entryOf) };
  await onDisk('writing index.json', () => writeFileAtomic(join(root, 'index.json'), encodeDocument(document)));
}

/** Quick, as every command reads them all: what parseDescriptor refuses besides was refused when it was written. */
function isUsable(entry: unknown): entry is Descriptor {
  const { digest, mediaType, size } = (entry ?? {}) as Partial<Descriptor>;
  return isDigest(digest) && typeof mediaType === 'string' && Number.isSafeInteger(size) && (size as number) >= 0;
}

function recordOf({ annotations, ...descriptor }: Descriptor): ImageRecord {
  const { [NAME]: name, [SOURCE]: source, [TAGGED]: tagged, ...others } = annotations ?? {};
  const time = tagged === undefined ? undefined : new Date(tagged);
  return {
    ...(name !== undefined && { name }),
    descriptor: Object.keys(others).length > 0 ? { ...descriptor, annotations: others } : descriptor,
    ...(source !== undefined && { source }),
    ...(time && !Number.isNaN(time.getTime()) && { tagged: time }),
  };
}

function entryOf({ name, descriptor, source, tagged }: ImageRecord): Descriptor {
  parseDescriptor(descriptor);
  const annotations = {
    ...descriptor.annotations,
    ...(name !== undefined && { [NAME]: name }),
    ...(source !== undefined && { [SOURCE]: source }),
    ...(tagged && { [TAGGED]: tagged.toISOString() }),
  };
  return Object.keys(annotations).length > 0 ? { ...descriptor, annotations } : descriptor;
}
