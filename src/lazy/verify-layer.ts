import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readToc, readTocFile } from '../layer/index.ts';
import { algorithmOf, type Digest, DigestMismatch } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { CacheFile } from './layer-cache.ts';

/** Holds a layer that is here as a whole against what the image's config names, and its index against the layer: DataLoss where they differ. */
export async function verifyLayer(folder: string, diffID: Digest): Promise<void> {
  const tar = createReadStream(join(folder, CacheFile.tar), { highWaterMark: 1 << 20 });
  const actual = await readToc(tar, { algorithm: algorithmOf(diffID) });
  if (actual.diffID !== diffID) throw new DigestMismatch('a layer that was fetched in parts', diffID, actual.diffID);
  const told = await readTocFile(join(folder, CacheFile.toc));
  if (!isDeepStrictEqual(told?.entries, actual.entries))
    throw new EngineError('DataLoss', `the index of layer ${diffID} tells of other files than are in it`);
}
