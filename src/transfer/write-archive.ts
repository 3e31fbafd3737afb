import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import {
  algorithmOf,
  createDigester,
  type Descriptor,
  type Digest,
  DigestMismatch,
  encodeDocument,
  formatReference,
  type Index,
  isLayerType,
  LAYOUT_FILE,
  type Manifest,
  MediaType,
  type Platform,
  parseManifest,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import { type ByteStream, EngineError, randomHex, syncFolder } from '../std/index.ts';
import { type TarEntry, type TarInput, writeTar } from '../tar/index.ts';
import { chooseImage } from './choose-image.ts';
import { DOCKER_MANIFEST, type DockerArchiveItem } from './docker-archive.ts';
import { ANNOTATION, LAYOUT, layoutBlobPath } from './layout-index.ts';
import type { ImageSource, ManifestBytes, TransferEvent } from './place.ts';

export interface ArchiveInput {
  /** Names that the archive gives the image. */
  readonly references: readonly string[];
  readonly source: ImageSource;
}

export interface WriteArchiveOptions {
  /** `docker`: an OCI layout and a docker archive in one; `oci`: the layout alone. */
  readonly format: 'docker' | 'oci';
  /** Which image of an index; this host's where nothing is said. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
  readonly report?: (event: TransferEvent) => void;
}

interface Image {
  readonly references: readonly string[];
  readonly top: ManifestBytes;
  readonly manifest: Manifest;
  readonly source: ImageSource;
}

interface Blob {
  readonly descriptor: Descriptor;
  open(): Promise<ByteStream>;
}

/**
 * Writes images into one tar: to a file, which is there whole or not at all, or to a stream, which is left open. As `docker save` today
 * it is an OCI layout that is a docker archive too, so that docker, podman, skopeo and containerd load it. A blob that several images share
 * is in it once; the same images give the same bytes. Blobs are verified as they pass: DigestMismatch ends it.
 */
export async function writeArchive(
  output: string | Writable,
  inputs: readonly ArchiveInput[],
  options: WriteArchiveOptions,
): Promise<void> {
  const images: Image[] = [];
  for (const input of inputs) images.push(await readImage(input, options));
  if (options.format === 'docker') for (const { manifest, source } of images) requireDockerImage(manifest, source.name);
  const archive = writeTar(members(images, options));
  if (typeof output === 'string') await writeFile(output, archive);
  else await writeStream(output, archive, options.signal);
}

async function readImage(
  { references, source }: ArchiveInput,
  { platform, report }: WriteArchiveOptions,
): Promise<Image> {
  const named = await source.resolve();
  const document = parseManifest(named.bytes, named.descriptor.mediaType);
  const top =
    document.kind === 'manifest' ? named : await source.manifest(chooseImage(document.index, platform, source.name));
  const image = parseManifest(top.bytes, top.descriptor.mediaType);
  if (image.kind === 'index') {
    throw new EngineError('InvalidArgument', `${source.name}: its index names an index where an image should be`);
  }
  report?.({ kind: 'resolved', digest: top.descriptor.digest, name: source.name });
  return { references, top, manifest: image.manifest, source };
}

function requireDockerImage({ config, layers }: Manifest, name: string): void {
  const isImage = config.mediaType === MediaType.ociConfig || config.mediaType === MediaType.dockerConfig;
  const strange = isImage ? layers.find(({ mediaType }) => !isLayerType(mediaType))?.mediaType : config.mediaType;
  if (strange !== undefined) {
    throw new EngineError(
      'InvalidArgument',
      `${name} is no container image but holds ${strange}; save it with the format oci`,
    );
  }
}

async function* members(images: readonly Image[], options: WriteArchiveOptions): AsyncGenerator<TarInput, void> {
  yield file(LAYOUT.marker, Buffer.from(LAYOUT_FILE));
  yield file(LAYOUT.index, encodeDocument(indexOf(images, options.format)));
  if (options.format === 'docker') yield file(DOCKER_MANIFEST, encodeDocument(images.map(dockerItem)));

  const blobs = new Map<Digest, Blob>();
  for (const image of images) for (const blob of blobsOf(image, options.signal)) collect(blobs, blob, options.report);
  yield folder(`${LAYOUT.blobs}/`);
  for (const algorithm of new Set([...blobs.keys()].map(algorithmOf))) yield folder(`${LAYOUT.blobs}/${algorithm}/`);
  for (const blob of blobs.values()) {
    const { digest, size } = blob.descriptor;
    yield { entry: { ...PLAIN, name: layoutBlobPath(digest), size }, content: verified(blob, options) };
  }
}

function blobsOf({ top, manifest, source }: Image, signal: AbortSignal | undefined): Blob[] {
  const others = [manifest.config, ...manifest.layers].map((descriptor) => ({
    descriptor,
    open: () => source.blob(descriptor, signal ? { signal } : {}),
  }));
  return [{ descriptor: top.descriptor, open: async () => single(top.bytes) }, ...others];
}

function collect(blobs: Map<Digest, Blob>, blob: Blob, report: WriteArchiveOptions['report']): void {
  const { digest: id, size } = blob.descriptor;
  const before = blobs.get(id);
  if (!before) {
    blobs.set(id, blob);
    report?.({ kind: 'blob', id, state: 'waiting', size });
  } else if (before.descriptor.size !== size) {
    throw new EngineError(
      'InvalidArgument',
      `two manifests give ${id} different sizes, ${before.descriptor.size} and ${size}`,
    );
  }
}

async function* verified(
  { descriptor, open }: Blob,
  { signal, report }: WriteArchiveOptions,
): AsyncGenerator<Uint8Array, void> {
  const { digest: id, size: total } = descriptor;
  const digester = createDigester(algorithmOf(id));
  let current = 0;
  for await (const chunk of await open()) {
    signal?.throwIfAborted();
    digester.update(chunk);
    current += chunk.length;
    yield chunk;
    report?.({ kind: 'progress', id, activity: 'uploading', current, total });
  }
  const actual = digester.digest();
  if (actual !== id) throw new DigestMismatch('what was to be archived', id, actual);
  report?.({ kind: 'blob', id, state: 'done', size: total });
}

function indexOf(images: readonly Image[], format: 'docker' | 'oci'): Index {
  const manifests = images.flatMap(({ top, references }): Descriptor[] => {
    const { annotations: _of_its_source, ...descriptor } = top.descriptor;
    if (references.length === 0) return [descriptor];
    return references.map((reference) => ({ ...descriptor, annotations: annotationsOf(reference, format) }));
  });
  return { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
}

/** The name in full, where it is one, and what skopeo and podman look for; any text may be that in an OCI archive. */
function annotationsOf(reference: string, format: 'docker' | 'oci'): Record<string, string> {
  if (format === 'docker') {
    const full = formatReference(tagged(reference));
    return { [ANNOTATION.imageName]: full, [ANNOTATION.referenceName]: full };
  }
  return { ...(isFull(reference) && { [ANNOTATION.imageName]: reference }), [ANNOTATION.referenceName]: reference };
}

function isFull(reference: string): boolean {
  try {
    return formatReference(tagged(reference)) === reference;
  } catch {
    return false;
  }
}

function tagged(reference: string): Reference {
  return withDefaultTag(parseReference(reference));
}

function dockerItem({ manifest, references }: Image): DockerArchiveItem {
  const tags = references.map(tagged).filter(({ tag }) => tag !== undefined);
  return {
    Config: layoutBlobPath(manifest.config.digest),
    // In full, where docker writes `debian:12`: from an archive of several images podman 4 takes that for a name of localhost.
    RepoTags: tags.map(({ digest: _, ...reference }) => formatReference(reference)),
    Layers: manifest.layers.map(({ digest }) => layoutBlobPath(digest)),
  };
}

const PLAIN: TarEntry = {
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

function folder(name: string): TarInput {
  return { entry: { ...PLAIN, name, type: 'directory', mode: 0o755 } };
}

function file(name: string, bytes: Buffer): TarInput {
  return { entry: { ...PLAIN, name, size: bytes.length }, content: single(bytes) };
}

async function* single(bytes: Buffer): AsyncGenerator<Buffer, void> {
  if (bytes.length > 0) yield bytes;
}

async function writeFile(path: string, stream: ByteStream): Promise<void> {
  const aside = `${path}.tmp-${randomHex(6)}`;
  try {
    await using target = await open(aside, 'wx', 0o644);
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length; ) at += (await target.write(chunk, at)).bytesWritten;
    }
    await target.sync();
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Waits where the reader is slow; a stream that fails or is closed ends it. */
async function writeStream(output: Writable, stream: ByteStream, signal: AbortSignal | undefined): Promise<void> {
  const gone = new AbortController();
  const fail = (error?: unknown) =>
    gone.abort(error ?? new EngineError('Unavailable', 'the reader of the archive went away'));
  const close = () => fail();
  output.on('error', fail).on('close', close);
  const stop = signal ? AbortSignal.any([signal, gone.signal]) : gone.signal;
  try {
    for await (const chunk of stream) {
      stop.throwIfAborted();
      if (!output.write(chunk)) await drained(output, stop);
    }
    stop.throwIfAborted();
  } finally {
    output.off('error', fail).off('close', close);
  }
}

async function drained(output: Writable, stop: AbortSignal): Promise<void> {
  try {
    await once(output, 'drain', { signal: stop });
  } catch (error) {
    throw stop.aborted ? stop.reason : error; // once() wraps the reason
  }
}
