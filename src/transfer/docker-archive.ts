import { detectCompression } from '../compression/index.ts';
import {
  createDigester,
  type Descriptor,
  type Digest,
  DigestMismatch,
  describe,
  digestOf,
  encodeDocument,
  isDigest,
  type Manifest,
  MediaType,
  parseImageConfig,
  parseStrictJson,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { ArchiveFiles } from './archive-files.ts';
import type { ImageSource, ManifestBytes } from './place.ts';

/** moby, image/tarexport: one image of manifest.json. */
export interface DockerArchiveItem {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[] | null;
}

export const DOCKER_MANIFEST = 'manifest.json';
const MANIFEST_LIMIT = 8 << 20;
const CONFIG_LIMIT = 8 << 20;
const LAYER_TYPES = { none: MediaType.ociLayer, gzip: MediaType.ociLayerGzip, zstd: MediaType.ociLayerZstd } as const;

/** The items of manifest.json; undefined where the archive has none. */
export async function readDockerManifest(files: ArchiveFiles): Promise<DockerArchiveItem[] | undefined> {
  const bytes = await files.read(DOCKER_MANIFEST, MANIFEST_LIMIT);
  if (!bytes) return undefined;
  const items = parseStrictJson(bytes, DOCKER_MANIFEST);
  if (!Array.isArray(items) || !items.every(isItem)) {
    throw new EngineError(
      'InvalidArgument',
      `${files.name}: ${DOCKER_MANIFEST} is no list of images with Config, RepoTags and Layers`,
    );
  }
  return items;
}

function isItem(value: unknown): value is DockerArchiveItem {
  const { Config, RepoTags, Layers } = (value ?? {}) as { [Key in keyof DockerArchiveItem]: unknown };
  const isStrings = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === 'string');
  return typeof Config === 'string' && isStrings(RepoTags ?? []) && isStrings(Layers ?? []);
}

/** Where a layer or the config of an image is in the archive. */
interface Part {
  readonly descriptor: Descriptor;
  readonly path: string;
}

/** One image of a docker archive under a manifest that is made for it: such archives have none. */
export function dockerArchiveSource(files: ArchiveFiles, item: DockerArchiveItem): ImageSource {
  const name = `docker-archive:${files.name}${item.RepoTags?.[0] === undefined ? '' : `:${item.RepoTags[0]}`}`;
  let read: Promise<{ top: ManifestBytes; paths: Map<Digest, string> }> | undefined;
  const load = () => {
    read ??= readImage(files, item, name);
    return read;
  };
  return {
    name,
    resolve: async () => (await load()).top,
    async manifest({ digest }) {
      const { top } = await load();
      if (top.descriptor.digest !== digest) throw new EngineError('NotFound', `${name} has no manifest ${digest}`);
      return top;
    },
    async blob({ digest, size }, { offset = 0, signal } = {}) {
      const path = (await load()).paths.get(digest);
      if (path === undefined) throw new EngineError('NotFound', `${name} has no blob ${digest}`);
      const found = await files.size(path);
      if (found !== size) throw new EngineError('DataLoss', `${path} in ${name} has ${found} bytes instead of ${size}`);
      return files.stream(path, { offset, signal });
    },
  };
}

async function readImage(
  files: ArchiveFiles,
  item: DockerArchiveItem,
  name: string,
): Promise<{ top: ManifestBytes; paths: Map<Digest, string> }> {
  const bytes = await files.read(item.Config, CONFIG_LIMIT);
  if (!bytes)
    throw new EngineError(
      'InvalidArgument',
      `${name}: its config ${JSON.stringify(item.Config)} is not in the archive`,
    );
  const claimed = digestInName(item.Config);
  const actual = digestOf(bytes);
  if (claimed && claimed !== actual) throw new DigestMismatch(`config of ${name}`, claimed, actual);

  const diffIDs = parseImageConfig(bytes).rootfs.diff_ids;
  const paths = item.Layers ?? [];
  if (paths.length !== diffIDs.length) {
    throw new EngineError(
      'InvalidArgument',
      `${name}: it has ${paths.length} layers, but its config names ${diffIDs.length}`,
    );
  }
  const known = new Map<string, Part>();
  const layers: Part[] = [];
  for (const [index, path] of paths.entries()) {
    const part = known.get(path) ?? (await layerPart(files, path, diffIDs[index] as Digest, name));
    known.set(path, part);
    layers.push(part);
  }
  const config: Part = { path: item.Config, descriptor: describe(bytes, MediaType.ociConfig) };
  return {
    top: synthesise(
      config.descriptor,
      layers.map(({ descriptor }) => descriptor),
    ),
    paths: new Map([config, ...layers].map(({ descriptor, path }) => [descriptor.digest, path])),
  };
}

/** A plain layer is named by its diffID, which whoever takes it verifies. A compressed one is hashed unless its name says its digest. */
async function layerPart(files: ArchiveFiles, path: string, diffID: Digest, name: string): Promise<Part> {
  const size = await files.size(path);
  if (size === undefined)
    throw new EngineError('InvalidArgument', `${name}: its layer ${JSON.stringify(path)} is not in the archive`);
  const compression = detectCompression(await files.start(path, 6));
  if (compression === 'bzip2' || compression === 'xz') {
    throw new EngineError(
      'NotImplemented',
      `${name}: its layer ${JSON.stringify(path)} is compressed with ${compression}, which no media type stands for`,
    );
  }
  const digest = compression === 'none' ? diffID : (digestInName(path) ?? (await hashFile(files, path)));
  return { path, descriptor: { mediaType: LAYER_TYPES[compression], digest, size } };
}

async function hashFile(files: ArchiveFiles, path: string): Promise<Digest> {
  const digester = createDigester();
  for await (const chunk of await files.stream(path, { offset: 0 })) digester.update(chunk);
  return digester.digest();
}

/** `<hex>.json`, `sha256:<hex>`, `blobs/sha256/<hex>`: names by which docker, bazel and OCI say a file's digest. Old layers' folders are not. */
function digestInName(path: string): Digest | undefined {
  const match = /^(?:blobs\/sha256\/|sha256:)?([0-9a-f]{64})(?:\.json)?$/.exec(path);
  const digest = `sha256:${match?.[1]}`;
  return isDigest(digest) ? digest : undefined;
}

function synthesise(config: Descriptor, layers: readonly Descriptor[]): ManifestBytes {
  // OCI knows no image without layers; docker does.
  const empty = layers.length === 0;
  const mediaType = empty ? MediaType.dockerManifest : MediaType.ociManifest;
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType,
    config: empty ? { ...config, mediaType: MediaType.dockerConfig } : config,
    layers,
  };
  const bytes = encodeDocument(manifest);
  return { bytes, descriptor: describe(bytes, mediaType) };
}
