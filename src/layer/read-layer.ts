import { createDigester, type DigestAlgorithm } from '../oci/index.ts';
import type { ByteStream } from '../std/index.ts';
import { tarParser } from '../tar/index.ts';
import type { LayerLimits } from './layer-tree.ts';
import { type LayerOperations, layerResolver } from './resolve.ts';
import type { Toc, TocEntry } from './toc.ts';

/** What takes a layer in: its operations, and after each the content of the file just made. */
export interface LayerSink extends LayerOperations {
  data(chunk: Uint8Array): void;
  /** The archive's member is complete; called for those too that made nothing. */
  endEntry(): void;
}

export interface ReadLayerOptions {
  readonly limits?: Partial<LayerLimits>;
  readonly signal?: AbortSignal;
}

const NOWHERE: LayerSink = { make() {}, clear() {}, remove() {}, data() {}, endEntry() {} };

/** One pass over an uncompressed layer. `seen` hears of every chunk before it is parsed. */
export async function readLayer(
  tar: ByteStream,
  sink: LayerSink,
  { limits, signal }: ReadLayerOptions = {},
  seen: (chunk: Uint8Array) => void = () => {},
): Promise<{ entries: TocEntry[]; size: number }> {
  const resolver = layerResolver(sink, limits);
  const parser = tarParser({
    entry: (entry, position) => resolver.add(entry, position),
    data: (chunk) => sink.data(chunk),
    endEntry: () => sink.endEntry(),
  });
  for await (const chunk of tar) {
    signal?.throwIfAborted();
    seen(chunk);
    parser.write(chunk);
  }
  const { size } = parser.end();
  return { entries: resolver.entries(), size };
}

/** The layer's names. `seen` hears of every chunk before it is parsed. Throws InvalidArgument for what is no layer. */
export function readEntries(
  tar: ByteStream,
  { seen, ...options }: ReadLayerOptions & { readonly seen?: (chunk: Uint8Array) => void } = {},
): Promise<{ entries: TocEntry[]; size: number }> {
  return readLayer(tar, NOWHERE, options, seen);
}

/** The layer's table of contents, with the digest of the tar as it passed. Throws InvalidArgument for what is no layer. */
export async function readToc(
  tar: ByteStream,
  { algorithm, ...options }: ReadLayerOptions & { readonly algorithm?: DigestAlgorithm } = {},
): Promise<Toc> {
  const digester = createDigester(algorithm);
  const { entries, size } = await readEntries(tar, { ...options, seen: (chunk) => digester.update(chunk) });
  return { diffID: digester.digest(), size, entries };
}
