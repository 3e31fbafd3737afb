import type { MadeBlob } from '../client/index.ts';
import { compressLayer } from '../compression/index.ts';
import {
  createDigester,
  type Descriptor,
  type Digest,
  describe,
  encodeDocument,
  type Manifest,
  MediaType,
  parseManifest,
} from '../oci/index.ts';
import { type ByteStream, counted, forEachLimited } from '../std/index.ts';
import type { Store } from '../store/index.ts';
import type { ImageSource, ManifestBytes, TransferEvent } from './place.ts';
import type { RegistryPlace } from './registry-place.ts';
import { storeSource } from './store-place.ts';

/** Media types of layers kept as plain tar, and what they are called once compressed. */
const COMPRESSED: Readonly<Record<string, string>> = {
  [MediaType.ociLayer]: MediaType.ociLayerGzip,
  [MediaType.dockerLayer]: MediaType.dockerLayerGzip,
};

/** Layers compressed at once: each keeps all cores busy, but small ones mostly wait for the registry. */
const CONCURRENCY = 3;

export interface CompressOptions {
  readonly signal: AbortSignal;
  report(event: TransferEvent): void;
}

/** An image as a registry expects it. */
export interface CompressedSource extends ImageSource {
  /** Layers that are at the registry already: they went there while they were compressed. */
  readonly sent: ReadonlySet<Digest>;
}

/**
 * An image of the store as `place`, where it is about to go, expects it. Layers made here are kept as plain tar and go out as gzip: compressed while they are
 * sent, and nothing of that is kept but the pair of diffID and compressed descriptor. By that a later push knows what to ask a registry for;
 * and where it has to send again, the same bytes come of it, as compression is deterministic.
 */
export async function compressedSource(
  store: Store,
  target: Descriptor,
  name: string,
  place: RegistryPlace,
  options: CompressOptions,
): Promise<CompressedSource> {
  const source = storeSource(store.content, target, name);
  const document = parseManifest(await store.content.read(target.digest), target.mediaType);
  const sent = new Set<Digest>();
  if (document.kind === 'index' || !document.manifest.layers.some(isPlain)) return { ...source, sent };

  const compressed = new Map<Digest, Descriptor>();
  const plain = new Map(document.manifest.layers.filter(isPlain).map((layer) => [layer.digest, layer]));
  await forEachLimited(plain.values(), CONCURRENCY, async (layer) => {
    const known = await knownTwin(store, layer, place);
    if (known) return void compressed.set(layer.digest, known);
    const made = await sendCompressed(store, layer, place, options);
    sent.add(made.digest);
    compressed.set(layer.digest, made);
  });
  const layers = document.manifest.layers.map((layer) => compressed.get(layer.digest) ?? layer);
  const manifest: Manifest = { ...document.manifest, layers };
  const bytes = encodeDocument(manifest);
  const top: ManifestBytes = { bytes, descriptor: describe(bytes, target.mediaType) };
  return { ...source, sent, resolve: async () => top };
}

function isPlain({ mediaType }: Descriptor): boolean {
  return mediaType in COMPRESSED;
}

/** The layer compressed, as it is known to be: where the registry has that, or the store. */
async function knownTwin(store: Store, layer: Descriptor, place: RegistryPlace): Promise<Descriptor | undefined> {
  for (const known of await store.layers.compressed(layer.digest)) {
    if (known.mediaType !== COMPRESSED[layer.mediaType]) continue;
    if ((await store.content.touch(known.digest)) || (await place.hasBlob(known))) return known;
  }
  return undefined;
}

async function sendCompressed(
  store: Store,
  layer: Descriptor,
  place: RegistryPlace,
  { signal, report }: CompressOptions,
): Promise<Descriptor> {
  const { digest: id, size: total } = layer;
  report({ kind: 'blob', id, state: 'waiting', size: total });
  const progress = (current: number): void => report({ kind: 'progress', id, activity: 'uploading', current, total });
  const identity = await place.writeMadeBlob(compressing(store, layer, { signal, progress }), { signal });
  const compressed: Descriptor = { mediaType: COMPRESSED[layer.mediaType] as string, ...identity };
  await store.layers.addCompressed(layer.digest, compressed);
  report({ kind: 'blob', id, state: 'done', size: total });
  return compressed;
}

function compressing(
  { content }: Store,
  { digest }: Descriptor,
  { signal, progress }: { signal: AbortSignal; progress(current: number): void },
): MadeBlob {
  let result: ReturnType<MadeBlob['result']>;
  return {
    name: `layer ${digest}`,
    result: () => result,
    async open(offset) {
      const stream = compressLayer(counted(content.stream(digest), progress), { signal });
      return identified(stream, offset, (identity) => (result = identity));
    },
  };
}

/** The bytes from `offset` on; `tell` hears what all of them are. */
async function* identified(
  stream: ByteStream,
  offset: number,
  tell: (identity: { digest: Digest; size: number }) => void,
): AsyncGenerator<Uint8Array, void> {
  const digester = createDigester();
  let size = 0;
  for await (const chunk of stream) {
    digester.update(chunk);
    size += chunk.length;
    if (size > offset) yield chunk.subarray(Math.max(0, chunk.length - (size - offset)));
  }
  tell({ digest: digester.digest(), size });
}
