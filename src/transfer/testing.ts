import { gzipSync } from 'node:zlib';
import {
  type Descriptor,
  type Digest,
  describe,
  digestOf,
  encodeDocument,
  type Manifest,
  MediaType,
} from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { encodeEntry, endOfArchive, paddingOf, type TarEntry } from '../tar/index.ts';
import type { ImageSource, ManifestBytes } from './place.ts';

/** An image in memory, with all its blobs. */
export interface TestImage {
  readonly top: ManifestBytes;
  readonly manifest: Manifest;
  readonly blobs: Map<Digest, Buffer>;
}

const FILE: TarEntry = {
  name: '',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  userName: '',
  groupName: '',
  size: 0,
  mtime: 0n,
};

/** A tar of files, and of links where the content is another path behind an arrow. */
export function tarOf(
  files: readonly (readonly [name: string, content: string | Buffer, change?: Partial<TarEntry>])[],
): Buffer {
  const parts = files.flatMap(([name, content, change]) => {
    const data = Buffer.from(content as string);
    return [encodeEntry({ ...FILE, name, size: data.length, ...change }), data, paddingOf(data.length)];
  });
  return Buffer.concat([...parts, endOfArchive]);
}

/** An image of one layer for each text; odd ones are gzip. */
export function testImage(texts: readonly string[], { docker = false }: { docker?: boolean } = {}): TestImage {
  const blobs = new Map<Digest, Buffer>();
  const put = (bytes: Buffer, mediaType: string): Descriptor => {
    const descriptor = describe(bytes, mediaType);
    blobs.set(descriptor.digest, bytes);
    return descriptor;
  };
  const tars = texts.map((text, index) => tarOf([[`file-${index}`, text]]));
  const config = put(
    encodeDocument({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Cmd: ['/file'] },
      rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) },
      history: texts.map((text) => ({ created_by: text.slice(0, 20) })),
    }),
    docker ? MediaType.dockerConfig : MediaType.ociConfig,
  );
  const layers = tars.map((tar, index) =>
    docker || index % 2 === 1
      ? put(gzipSync(tar), docker ? MediaType.dockerLayerGzip : MediaType.ociLayerGzip)
      : put(tar, MediaType.ociLayer),
  );
  const mediaType = docker ? MediaType.dockerManifest : MediaType.ociManifest;
  const manifest: Manifest = { schemaVersion: 2, mediaType, config, layers };
  const bytes = encodeDocument(manifest);
  const descriptor = put(bytes, mediaType);
  return { top: { bytes, descriptor }, manifest, blobs };
}

export function memorySource(image: TestImage, name = 'memory'): ImageSource {
  const blobOf = (digest: Digest): Buffer => {
    const bytes = image.blobs.get(digest);
    if (!bytes) throw new EngineError('NotFound', `no ${digest}`);
    return bytes;
  };
  return {
    name,
    resolve: async () => image.top,
    manifest: async (descriptor) => ({ descriptor, bytes: blobOf(descriptor.digest) }),
    async blob({ digest }, { offset = 0 } = {}) {
      const bytes = blobOf(digest).subarray(offset);
      return (async function* () {
        for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
      })();
    },
  };
}
