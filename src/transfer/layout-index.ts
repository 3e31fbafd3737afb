import {
  algorithmOf,
  checkLayoutFile,
  type Descriptor,
  type Digest,
  DigestMismatch,
  digestOf,
  hexOf,
  type Index,
  MAX_MANIFEST_BYTES,
  MediaType,
  parseDigest,
  parseManifest,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { LayoutFiles } from './layout-files.ts';
import type { ImageSource, ManifestBytes } from './place.ts';

/** image-spec image-layout.md. */
export const LAYOUT: { readonly marker: string; readonly index: string; readonly blobs: string } = {
  marker: 'oci-layout',
  index: 'index.json',
  blobs: 'blobs',
};

/** image-spec annotations.md; containerd's, which docker writes too, holds the name in full. */
export const ANNOTATION: { readonly referenceName: string; readonly imageName: string } = {
  referenceName: 'org.opencontainers.image.ref.name',
  imageName: 'io.containerd.image.name',
};

const MARKER_LIMIT = 4096;

/** One entry of index.json. */
export interface LayoutEntry {
  /** The image's full name where the layout has it, else what the layout calls it, which may be a mere tag. */
  readonly reference?: string;
  readonly descriptor: Descriptor;
}

/** Where a blob is within a layout. */
export function layoutBlobPath(digest: Digest): string {
  const parsed = parseDigest(digest);
  return `${LAYOUT.blobs}/${algorithmOf(parsed)}/${hexOf(parsed)}`;
}

/** The layout's index; undefined where `files` are no layout. InvalidArgument where they are a damaged one. */
export async function readLayoutIndex(files: LayoutFiles): Promise<Index | undefined> {
  const marker = await files.read(LAYOUT.marker, MARKER_LIMIT);
  if (!marker) return undefined;
  checkLayoutFile(marker);
  const bytes = await files.read(LAYOUT.index, MAX_MANIFEST_BYTES);
  if (!bytes) throw new EngineError('InvalidArgument', `${files.name} is an OCI layout without ${LAYOUT.index}`);
  const document = parseManifest(bytes, MediaType.ociIndex);
  if (document.kind === 'manifest') throw new EngineError('Internal', 'an index was read as a manifest');
  return document.index;
}

export function entryOf(descriptor: Descriptor): LayoutEntry {
  const reference =
    descriptor.annotations?.[ANNOTATION.imageName] ?? descriptor.annotations?.[ANNOTATION.referenceName];
  return { descriptor, ...(reference !== undefined && { reference }) };
}

/** The entry that `reference` names: by either annotation, or by digest. Without one, the only image there is. */
export function findEntry(index: Index, reference: string | undefined, where: string): Descriptor {
  const offered = index.manifests.map((entry) => entryOf(entry).reference ?? entry.digest).join(', ');
  if (reference === undefined) {
    const [only] = index.manifests;
    if (!only) throw new EngineError('NotFound', `${where} holds no image`);
    if (index.manifests.every(({ digest }) => digest === only.digest)) return only;
    throw new EngineError('InvalidArgument', `${where} holds several images, choose one: ${offered}`);
  }
  const named = index.manifests.filter(
    ({ digest, annotations }) =>
      digest === reference ||
      annotations?.[ANNOTATION.imageName] === reference ||
      annotations?.[ANNOTATION.referenceName] === reference,
  );
  const [found] = named;
  if (!found) throw new EngineError('NotFound', `${where} holds no image ${reference}; it has ${offered || 'none'}`);
  if (named.some(({ digest }) => digest !== found.digest)) {
    throw new EngineError('InvalidArgument', `${where} gives the name ${reference} to several images`);
  }
  return found;
}

/** An image of a layout. `find` says which when it is asked for. */
export function layoutSource(files: LayoutFiles, name: string, find: () => Promise<Descriptor>): ImageSource {
  const manifest = async (descriptor: Descriptor): Promise<ManifestBytes> => {
    const bytes = await files.read(layoutBlobPath(descriptor.digest), MAX_MANIFEST_BYTES);
    if (!bytes) throw new EngineError('NotFound', `${name} lacks ${descriptor.digest}`);
    const actual = digestOf(bytes, algorithmOf(descriptor.digest));
    if (actual !== descriptor.digest) throw new DigestMismatch(`manifest in ${name}`, descriptor.digest, actual);
    return { descriptor, bytes };
  };
  return {
    name,
    resolve: async () => manifest(await find()),
    manifest,
    async blob({ digest, size }, { offset = 0, signal } = {}) {
      const path = layoutBlobPath(digest);
      const found = await files.size(path);
      if (found === undefined) throw new EngineError('NotFound', `${name} lacks ${digest}`);
      if (found !== size)
        throw new EngineError('DataLoss', `${digest} in ${name} has ${found} bytes instead of ${size}`);
      return files.stream(path, { offset, signal });
    },
  };
}
