import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, type Digest, isDigest, parseDescriptor } from '../oci/index.ts';
import { isErrno, writeFileAtomic } from '../std/index.ts';
import { onDisk } from './disk-error.ts';
import { digestFileName, digestOfFileName, lockState, namesIn } from './state.ts';

/** What was once worked out about a layer, by its diffID. All of it is derived and may be gone at any time. */
export interface LayerRecords {
  /** `layers/<diffID>/`, which need not exist: {@link LayerRecords.makeFolder} makes it. */
  folder(diffID: Digest): string;
  makeFolder(diffID: Digest): Promise<string>;
  /** Where the layer's TOC is or would be. */
  tocPath(diffID: Digest): string;
  /** The compressed blobs that are known to hold the layer, whether they are here or not. */
  compressed(diffID: Digest): Promise<Descriptor[]>;
  /** Records that `descriptor`'s blob decompresses to the layer. Only for a pair that somebody hashed both sides of. */
  addCompressed(diffID: Digest, descriptor: Descriptor): Promise<void>;
  /** The layer that a blob is known to hold. */
  diffIDOf(digest: Digest): Promise<Digest | undefined>;
  list(): AsyncIterable<Digest>;
}

/** Inside `layers/`: the records of compressed blobs by their own digest. No digest can have its name. */
export const BY_BLOB = 'by-blob';

export function openLayerRecords(root: string): LayerRecords {
  const folder = (diffID: Digest): string => join(root, 'layers', digestFileName(diffID));
  const compressedPath = (diffID: Digest): string => join(folder(diffID), 'compressed.json');
  const blobRecord = (digest: Digest): string => join(root, 'layers', BY_BLOB, digestFileName(digest));
  const makeFolder = async (diffID: Digest): Promise<string> => {
    await mkdir(folder(diffID), { recursive: true, mode: 0o700 });
    return folder(diffID);
  };

  return {
    folder,
    makeFolder,
    tocPath: (diffID) => join(folder(diffID), 'toc'),
    compressed: (diffID) => readCompressed(compressedPath(diffID)),

    async addCompressed(diffID, descriptor) {
      const { mediaType, digest, size } = parseDescriptor(descriptor); // its annotations belong to one manifest
      using _lock = await lockState(root, 'layers');
      const known = await readCompressed(compressedPath(diffID));
      await onDisk(`recording layer ${diffID}`, async () => {
        if (!known.some((other) => other.digest === digest && other.mediaType === mediaType)) {
          await makeFolder(diffID);
          const pairs = [...known, { mediaType, digest, size }];
          await writeFileAtomic(compressedPath(diffID), JSON.stringify(pairs));
        }
        await mkdir(join(root, 'layers', BY_BLOB), { recursive: true, mode: 0o700 });
        if ((await readDiffID(blobRecord(digest))) !== diffID) await writeFileAtomic(blobRecord(digest), diffID);
      });
    },

    diffIDOf: (digest) => readDiffID(blobRecord(digest)),

    async *list() {
      for await (const name of namesIn(join(root, 'layers'))) {
        const diffID = digestOfFileName(name);
        if (diffID) yield diffID;
      }
    },
  };
}

/** Damaged records count as absent: they are made again. `fsck` tells of them. */
async function readCompressed(path: string): Promise<Descriptor[]> {
  const text = await readIfThere(path);
  if (text === undefined) return [];
  try {
    const pairs: unknown = JSON.parse(text);
    return Array.isArray(pairs) ? pairs.map((pair) => parseDescriptor(pair)) : [];
  } catch {
    return [];
  }
}

async function readDiffID(path: string): Promise<Digest | undefined> {
  const text = (await readIfThere(path))?.trim();
  return isDigest(text) ? text : undefined;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
