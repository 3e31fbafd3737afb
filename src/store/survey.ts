import {
  chainIDs,
  type Descriptor,
  type Digest,
  isIndexType,
  isLayerType,
  isManifestType,
  type Manifest,
  MediaType,
  parseImageConfig,
  parseManifest,
} from '../oci/index.ts';
import { errorMessage, hasCode } from '../std/index.ts';
import type { ContentStore } from './content.ts';
import { type Damage, damageOf } from './finding.ts';
import type { ImageRecord } from './index-file.ts';

/** A blob that images name. */
interface Need {
  readonly records: Set<ImageRecord>;
  /** What the layer must decompress to, where it is one of an image. */
  readonly diffIDs: Set<Digest>;
}

/** What all images together name, read from the documents that can be read. */
export class Survey {
  readonly needs: Map<Digest, Need> = new Map();
  readonly chains: Map<string, Set<ImageRecord>> = new Map();
  readonly damages: Damage[] = [];
  readonly #content: ContentStore;

  constructor(content: ContentStore) {
    this.#content = content;
  }

  async add(record: ImageRecord): Promise<void> {
    await this.#addDocument(record.descriptor, record, new Set());
  }

  async #addDocument(descriptor: Descriptor, record: ImageRecord, above: ReadonlySet<Digest>): Promise<void> {
    const { digest, mediaType } = descriptor;
    await this.#need(descriptor, record);
    if (above.has(digest) || !(isManifestType(mediaType) || isIndexType(mediaType))) return;
    const document = await this.#read(descriptor, record, (bytes) => parseManifest(bytes, mediaType));
    if (!document) return;
    if (document.kind === 'manifest') return this.#addImage(digest, document.manifest, record);

    // An index may name what was never fetched: other platforms. One of it must be here.
    const { manifests } = document.index;
    let found = 0;
    for (const child of manifests) {
      if (!(await this.#content.stat(child.digest))) continue;
      found++;
      await this.#addDocument(child, record, new Set([...above, digest]));
    }
    if (found === 0 && manifests.length > 0) {
      const blob = manifests[0]?.digest as Digest;
      this.damages.push(
        damageOf('missing', `index ${digest}: none of its manifests is here`, { records: [record], blob }),
      );
    }
  }

  async #addImage(digest: Digest, manifest: Manifest, record: ImageRecord): Promise<void> {
    await this.#need(manifest.config, record);
    for (const layer of manifest.layers) await this.#need(layer, record);
    if (!isImageConfig(manifest.config)) return; // an artifact
    const config = await this.#read(manifest.config, record, parseImageConfig);
    if (!config) return;
    const { diff_ids } = config.rootfs;
    if (diff_ids.length !== manifest.layers.length) {
      const what = `manifest ${digest} has ${manifest.layers.length} layers, its config names ${diff_ids.length}`;
      this.damages.push(damageOf('manifest', what, { records: [record] }));
      return;
    }
    for (const [index, layer] of manifest.layers.entries()) {
      if (isLayerType(layer.mediaType)) this.needs.get(layer.digest)?.diffIDs.add(diff_ids[index] as Digest);
    }
    for (const chain of chainIDs(diff_ids)) {
      const records = this.chains.get(chain) ?? new Set();
      this.chains.set(chain, records.add(record));
    }
  }

  async #need({ digest, size, mediaType, urls }: Descriptor, record: ImageRecord): Promise<void> {
    const found = await this.#content.stat(digest);
    if (!found && urls && urls.length > 0 && isLayerType(mediaType)) return; // foreign layers may stay where they are
    const need = this.needs.get(digest) ?? { records: new Set(), diffIDs: new Set() };
    this.needs.set(digest, need);
    need.records.add(record);
    if (found && found.size !== size) {
      const what = `blob ${digest} has ${found.size} bytes, and is named with ${size}`;
      this.damages.push(damageOf('manifest', what, { records: [record] }));
    }
  }

  /** What is missing or not what its digest says is told where all blobs are looked at. */
  async #read<Result>(
    { digest }: Descriptor,
    record: ImageRecord,
    parse: (bytes: Buffer) => Result,
  ): Promise<Result | undefined> {
    let bytes: Buffer;
    try {
      bytes = await this.#content.read(digest);
    } catch (error) {
      if (hasCode(error, 'NotFound') || hasCode(error, 'DataLoss')) return undefined;
      if (!hasCode(error, 'ResourceExhausted')) throw error;
      this.damages.push(damageOf('manifest', `${digest}: ${errorMessage(error)}`, { records: [record] }));
      return undefined;
    }
    try {
      return parse(bytes);
    } catch (error) {
      this.damages.push(damageOf('manifest', `${digest}: ${errorMessage(error)}`, { records: [record] }));
      return undefined;
    }
  }
}

function isImageConfig({ mediaType }: Descriptor): boolean {
  return mediaType === MediaType.ociConfig || mediaType === MediaType.dockerConfig;
}
