import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { scanSpans } from '../compression/index.ts';
import { readToc, writeTocFile } from '../layer/index.ts';
import { algorithmOf, type Descriptor, type Digest, DigestMismatch } from '../oci/index.ts';
import { type ByteStream, EngineError, randomHex } from '../std/index.ts';
import { encodeSpans, LONGEST_SPAN } from './spans-file.ts';

/** What a lazy start needs of one layer, as it is stored. */
export interface LayerIndex {
  readonly layer: Descriptor;
  readonly toc: Buffer;
  readonly spans: Buffer;
}

/**
 * Reads a layer's blob once, for its table of contents and the places where reading can begin. `folder` is for scratch files. DigestMismatch where
 * it is not the layer that `diffID` names, NotImplemented where no part of it can be read by itself.
 */
export async function indexLayer(
  blob: ByteStream,
  layer: Descriptor,
  { diffID, folder, signal }: { readonly diffID: Digest; readonly folder: string; readonly signal?: AbortSignal },
): Promise<LayerIndex> {
  const { compression, content, spans } = await scanSpans(blob, signal ? { signal } : {});
  const toc = await readToc(content, { algorithm: algorithmOf(diffID) });
  if (toc.diffID !== diffID) throw new DigestMismatch(`layer ${layer.digest}, uncompressed,`, diffID, toc.diffID);
  const longest = Math.max(0, ...spans.map(({ length }) => length));
  if (longest > LONGEST_SPAN)
    throw new EngineError(
      'NotImplemented',
      `layer ${layer.digest} is ${compression} in one piece of ${longest} bytes, no part of which can be read by itself; compress it as gzip, or as zstd of many frames`,
    );
  // What is after the end of the archive belongs to the layer too: its digest covers it.
  const size = spans.reduce((sum, { length }) => sum + length, 0);
  const path = join(folder, `toc-${randomHex(8)}`);
  try {
    await writeTocFile(path, toc);
    const { digest } = layer;
    return { layer, toc: await readFile(path), spans: encodeSpans({ compression, digest, diffID, size, spans }) };
  } finally {
    await rm(path, { force: true });
  }
}
