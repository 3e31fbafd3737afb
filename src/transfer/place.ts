import type { Descriptor, Digest } from '../oci/index.ts';
import type { ByteStream } from '../std/index.ts';

/** A manifest or index as it travels: its exact bytes and their descriptor. */
export interface ManifestBytes {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** Somewhere an image can be read from: a registry's repository, an OCI layout, a docker archive, the store. */
export interface ImageSource {
  /** For messages: `docker://127.0.0.1:5000/debian:12`. */
  readonly name: string;
  /** The manifest or index that the place's own reference names; NotFound where there is none. */
  resolve(): Promise<ManifestBytes>;
  /** A child of an index, by digest. */
  manifest(descriptor: Descriptor): Promise<ManifestBytes>;
  /** A blob from `offset` on; the caller verifies. */
  blob(descriptor: Descriptor, options?: { offset?: number; signal?: AbortSignal }): Promise<ByteStream>;
}

/** Somewhere an image can be written to. Blobs come before the manifests that name them, children before their index. */
export interface ImageSink {
  readonly name: string;
  /** How progress calls what this place does with a blob; uploading where nothing is said. */
  readonly takesIn?: 'downloading' | 'uploading';
  /** Whether the blob need not be sent. `from` is where it comes from, for places that can link it (a blob mount). */
  hasBlob(descriptor: Descriptor, from?: ImageSource): Promise<boolean>;
  /** Verified by size and digest before it counts. `open` may be called again, with an offset, to resume or to retry. */
  writeBlob(
    descriptor: Descriptor,
    open: (offset: number) => Promise<ByteStream>,
    options?: { signal?: AbortSignal; report?: (bytes: number) => void },
  ): Promise<void>;
  /** Stores a child manifest by digest. */
  writeManifest(manifest: ManifestBytes): Promise<void>;
  /** Stores the top manifest and gives it the place's own reference; the last call. */
  finish(manifest: ManifestBytes): Promise<void>;
}

/** What a transfer tells while it runs; `id` is the blob's or manifest's digest. */
export type TransferEvent =
  | { readonly kind: 'resolved'; readonly digest: Digest; readonly name: string }
  | {
      readonly kind: 'blob';
      readonly id: Digest;
      readonly state: 'waiting' | 'exists' | 'mounted' | 'done' | 'retrying';
      readonly size: number;
      readonly note?: string;
    }
  | {
      readonly kind: 'progress';
      readonly id: Digest;
      readonly activity: 'downloading' | 'uploading' | 'copying' | 'unpacking';
      readonly current: number;
      readonly total: number;
    };
