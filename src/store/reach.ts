import { open } from 'node:fs/promises';
import {
  chainIDs,
  type Descriptor,
  type Digest,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_BYTES,
  MediaType,
  parseImageConfig,
  parseManifest,
} from '../oci/index.ts';
import { EngineError, hasCode, isErrno } from '../std/index.ts';
import type { ContentStore } from './content.ts';

/** What can be reached from some roots. It only grows. */
export class Reach {
  readonly blobs: Set<Digest> = new Set();
  /** Config digests: image IDs. */
  readonly images: Set<Digest> = new Set();
  readonly diffIDs: Set<Digest> = new Set();
  /** Names of committed snapshots, parents before children. */
  readonly chains: Set<Digest> = new Set();
  /** False where a config could not be understood: what its layers are is then unknown. */
  chainsKnown = true;
  readonly #manifests = new Set<Digest>();
  readonly #content: ContentStore;

  constructor(content: ContentStore) {
    this.#content = content;
  }

  /** Adds what `descriptor` names. What is not in the store holds nothing; what is damaged throws DataLoss. */
  async add(descriptor: Descriptor): Promise<void> {
    const { digest, mediaType } = descriptor;
    this.blobs.add(digest);
    // By kind, not by digest alone: an image that calls another's manifest its layer must not hide what that manifest names.
    if (isIndexType(mediaType) || isManifestType(mediaType)) await this.#addManifest(digest);
    else if (isConfigType(mediaType)) await this.#addConfig(digest);
  }

  /** Adds what a container or a lease holds, which is known by digest alone: a manifest, an index, a config, a layer or a chainID. */
  async addUnknown(digest: Digest): Promise<void> {
    this.chains.add(digest);
    const mediaType = await this.guess(digest);
    await this.add({ mediaType, digest, size: 0 });
  }

  /** The media type of a document in the store, by what is in it; `application/octet-stream` for everything else. */
  async guess(digest: Digest): Promise<string> {
    const document = await this.#readJson(digest);
    if (!document) return OTHER;
    const { manifests, layers, config, rootfs } = document;
    if (Array.isArray(manifests)) return typeOf(document, MediaType.ociIndex);
    if (Array.isArray(layers) && config) return typeOf(document, MediaType.ociManifest);
    return rootfs ? MediaType.ociConfig : OTHER;
  }

  /** The digest that the manifest or index `digest` says it refers to. */
  async subjectOf(digest: Digest): Promise<Digest | undefined> {
    const mediaType = await this.guess(digest);
    if (!isIndexType(mediaType) && !isManifestType(mediaType)) return undefined;
    const document = await this.#read(digest, (bytes) => parseManifest(bytes));
    return (document?.kind === 'index' ? document.index : document?.manifest)?.subject?.digest;
  }

  async #addManifest(digest: Digest): Promise<void> {
    if (this.#manifests.has(digest)) return;
    const document = await this.#read(digest, (bytes) => parseManifest(bytes));
    if (!document) return;
    this.#manifests.add(digest);
    const { subject } = document.kind === 'index' ? document.index : document.manifest;
    if (subject) await this.add(subject);
    const named =
      document.kind === 'index' ? document.index.manifests : [document.manifest.config, ...document.manifest.layers];
    for (const descriptor of named) await this.add(descriptor);
  }

  async #addConfig(digest: Digest): Promise<void> {
    if (this.images.has(digest)) return;
    const bytes = await this.#read(digest, (content) => content);
    if (!bytes) return;
    this.images.add(digest);
    try {
      const { diff_ids } = parseImageConfig(bytes).rootfs;
      for (const diffID of diff_ids) this.diffIDs.add(diffID);
      for (const chain of chainIDs(diff_ids)) this.chains.add(chain);
    } catch {
      this.chainsKnown = false;
    }
  }

  async #read<Result>(digest: Digest, parse: (bytes: Buffer) => Result): Promise<Result | undefined> {
    try {
      return parse(await this.#content.read(digest));
    } catch (error) {
      if (hasCode(error, 'NotFound')) return undefined;
      throw new EngineError(
        'DataLoss',
        `what ${digest} names can't be told, so nothing was removed: ${(error as Error).message}; see strata fsck --repair`,
        { cause: error },
      );
    }
  }

  async #readJson(digest: Digest): Promise<LooseDocument | undefined> {
    if (!(await mayBeJson(this.#content.path(digest)))) return undefined;
    const bytes = await this.#read(digest, (content) => content);
    if (!bytes) return undefined;
    try {
      const value: unknown = JSON.parse(bytes.toString());
      return typeof value === 'object' && value !== null ? (value as LooseDocument) : undefined;
    } catch {
      return undefined;
    }
  }
}

interface LooseDocument {
  readonly mediaType?: unknown;
  readonly manifests?: unknown;
  readonly layers?: unknown;
  readonly config?: unknown;
  readonly rootfs?: unknown;
}

const OTHER = 'application/octet-stream';

/** By its size and first byte: layers are not read for this. */
async function mayBeJson(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, 0);
    return bytesRead === 1 && buffer[0] === 0x7b && (await file.stat()).size <= MAX_MANIFEST_BYTES;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function isConfigType(mediaType: string): boolean {
  return mediaType === MediaType.ociConfig || mediaType === MediaType.dockerConfig;
}

function typeOf(document: LooseDocument, otherwise: string): string {
  const { mediaType } = document;
  return typeof mediaType === 'string' && mediaType !== '' ? mediaType : otherwise;
}
