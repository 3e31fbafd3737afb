import { createReadStream, existsSync } from 'node:fs';
import { decompress } from '../compression/index.ts';
import { type Image, requireImage } from '../image/index.ts';
import { type LayerSource, readToc, readTocFile, type Toc, writeTocFile } from '../layer/index.ts';
import type { Digest } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { openUnionFs, type UnionFs } from '../union/index.ts';
import { BlobSource } from './blob-source.ts';
import type { Engine } from './engine.ts';

/** An image as a file system, read from its tables and blobs: nothing is unpacked or mounted, and root is not needed. */
export interface ImageFiles extends AsyncDisposable {
  readonly image: Image;
  /** Its layers' tables of contents, the lowest first. */
  readonly tables: readonly Toc[];
  readonly fs: UnionFs;
}

/** Opens what an image holds; NotFound for an image that is not here. A table that is missing is made from its blob and kept. */
export async function openImageFiles(engine: Engine, name: string): Promise<ImageFiles> {
  const { image } = await requireImage(engine.store, name);
  const tables = await imageTables(engine, image);
  const sources = tables.map((_, index) => new BlobSource(pathOf(engine, image, index)));
  const layers = tables.map(({ entries }, index) => ({ entries, source: sources[index] as LayerSource }));
  const fs = openUnionFs({ layers: layers.length > 0 ? layers : [{ entries: [] }] });
  return {
    image,
    tables,
    fs,
    async [Symbol.asyncDispose]() {
      fs[Symbol.dispose]();
      for (const source of sources) await source[Symbol.asyncDispose]();
    },
  };
}

/** The tables of contents of an image's layers, the lowest first. */
export async function imageTables(engine: Engine, image: Image): Promise<Toc[]> {
  return Promise.all(
    image.config.rootfs.diff_ids.map((diffID, index) => tableOf(engine, diffID, () => pathOf(engine, image, index))),
  );
}

async function tableOf({ store: { layers } }: Engine, diffID: Digest, blob: () => string): Promise<Toc> {
  const path = layers.tocPath(diffID);
  const known = await readTocFile(path).catch((error: unknown) => {
    if (error instanceof EngineError) return undefined; // damaged, or of another version: made again
    throw error;
  });
  if (known) return known;
  const toc = await readToc(decompress(createReadStream(blob(), { highWaterMark: 1 << 20 })));
  if (toc.diffID !== diffID)
    throw new EngineError('DataLoss', `layer ${diffID} decompresses to ${toc.diffID}; pull the image again`);
  await layers.makeFolder(diffID);
  await writeTocFile(path, toc);
  return toc;
}

function pathOf({ store }: Engine, { manifest }: Image, index: number): string {
  const layer = manifest.layers[index];
  if (!layer) throw new EngineError('DataLoss', `the image has no layer ${index}`);
  const path = store.content.path(layer.digest);
  if (layer.urls?.length && !existsSync(path)) {
    throw new EngineError(
      'NotFound',
      `layer ${layer.digest} is not here, only at ${layer.urls[0]}; pull the image again`,
    );
  }
  return path;
}
