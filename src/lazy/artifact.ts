import {
  type Descriptor,
  type Digest,
  describe,
  digestOf,
  encodeDocument,
  type Manifest,
  MediaType,
  parseManifest,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { LayerIndex } from './index-layer.ts';
import { INDEX_TYPE, LAYER_ANNOTATION, SPANS_TYPE, TOC_TYPE } from './media-types.ts';

/** An index as it is stored and sent: its manifest, and the blobs that it names. */
export interface IndexArtifact {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

/** image-spec manifest.md, "Guidance for an Empty Descriptor". */
const EMPTY = Buffer.from('{}');

/** The artifact of an image, of which `subject` is the manifest. */
export function indexArtifact(subject: Descriptor, layers: readonly LayerIndex[]): IndexArtifact {
  const blobs = new Map<Digest, Buffer>([[digestOf(EMPTY), EMPTY]]);
  const named: Descriptor[] = [];
  for (const { layer, toc, spans } of layers) {
    for (const [bytes, mediaType] of [
      [toc, TOC_TYPE],
      [spans, SPANS_TYPE],
    ] as const) {
      const descriptor = describe(bytes, mediaType);
      blobs.set(descriptor.digest, bytes);
      named.push({ ...descriptor, annotations: { [LAYER_ANNOTATION]: layer.digest } });
    }
  }
  const { mediaType, digest, size } = subject;
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: INDEX_TYPE,
    config: describe(EMPTY, MediaType.ociEmpty),
    layers: named,
    subject: { mediaType, digest, size },
  };
  const bytes = encodeDocument(manifest);
  return { descriptor: { ...describe(bytes, MediaType.ociManifest), artifactType: INDEX_TYPE }, bytes, blobs };
}

/** Where an index has what one layer needs. */
export interface LayerIndexBlobs {
  readonly toc: Descriptor;
  readonly spans: Descriptor;
}

/** For each layer of `image`, in order, what an index has of it. DataLoss where it is no index of that image. */
export function readIndexArtifact(bytes: Uint8Array, image: { digest: Digest; manifest: Manifest }): LayerIndexBlobs[] {
  const document = parseManifest(bytes);
  if (document.kind !== 'manifest' || document.manifest.subject?.digest !== image.digest)
    throw new EngineError('DataLoss', `what is stored as an index of ${image.digest} is one of something else`);
  const { layers } = document.manifest;
  const find = (type: string, layer: Descriptor): Descriptor => {
    const found = layers.find(
      ({ mediaType, annotations }) => mediaType === type && annotations?.[LAYER_ANNOTATION] === layer.digest,
    );
    if (found) return found;
    throw new EngineError('DataLoss', `the index of ${image.digest} says nothing of layer ${layer.digest}`);
  };
  return image.manifest.layers.map((layer) => ({ toc: find(TOC_TYPE, layer), spans: find(SPANS_TYPE, layer) }));
}
