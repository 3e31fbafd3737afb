import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, type Digest, isIndexType, isManifestType } from '../oci/index.ts';
import { EngineError, errorMessage, hasCode, isErrno } from '../std/index.ts';
import { damageOf, type Finding } from './finding.ts';
import { readIndexEntries, writeIndexFile } from './index-file.ts';
import { Reach } from './reach.ts';
import { lockState } from './state.ts';
import type { Store } from './store.ts';

/** Finds an index.json that can't be read. With `repair` every image in the store is kept under no name; the damaged file stays beside. */
export async function rebuildIndex(store: Store, repair: boolean): Promise<Finding | undefined> {
  using _lock = repair ? await lockState(store.root, 'images') : undefined;
  try {
    await readIndexEntries(store.root);
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'DataLoss')) throw error;
    const finding: Finding = damageOf('index', errorMessage(error));
    if (!repair) return { kind: finding.kind, what: finding.what, hits: [] };
    const found = await findImages(store);
    await keepAside(join(store.root, 'index.json'));
    await writeIndexFile(store.root, {
      rest: {},
      records: found.map((descriptor) => ({ descriptor, tagged: new Date() })),
    });
    return {
      kind: finding.kind,
      what: finding.what,
      hits: found.map(({ digest }) => digest),
      repair: `made again from the blobs: ${found.length} images, their names are lost (tag them again); the damaged one is index.json.damaged`,
    };
  }
}

/** Manifests and indexes that no other document in the store names. */
async function findImages({ content }: Store): Promise<Descriptor[]> {
  const reach = new Reach(content);
  const documents: Descriptor[] = [];
  for await (const { digest, size } of content.list()) {
    try {
      const mediaType = await reach.guess(digest);
      if (isManifestType(mediaType) || isIndexType(mediaType)) documents.push({ mediaType, digest, size });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error; // damaged: told among the blobs
    }
  }
  const below = new Set<Digest>();
  for (const document of documents) {
    const own = new Reach(content);
    try {
      await own.add(document);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
    }
    for (const digest of own.blobs) if (digest !== document.digest) below.add(digest);
  }
  return documents.filter(({ digest }) => !below.has(digest));
}

async function keepAside(path: string): Promise<void> {
  try {
    await rename(path, `${path}.damaged`);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
