import { stat } from 'node:fs/promises';
import type { Descriptor, Digest, Index } from '../oci/index.ts';
import { EngineError, isErrno } from '../std/index.ts';
import { openArchiveFiles } from './archive-files.ts';
import { dockerArchiveSource, readDockerManifest } from './docker-archive.ts';
import { folderFiles, type LayoutFiles } from './layout-files.ts';
import { entryOf, layoutSource, readLayoutIndex } from './layout-index.ts';
import type { ImageSource } from './place.ts';

export interface ArchiveImage {
  /** Names that the archive gives the image, as they stand there. */
  readonly references: readonly string[];
  readonly source: ImageSource;
}

/** The images of an archive; their sources can be read until it is disposed. */
export interface Archive extends AsyncDisposable {
  readonly images: readonly ArchiveImage[];
}

/**
 * Opens an archive of images: docker's (`manifest.json`, since docker 1.10) or an OCI layout in a tar, compressed or not, or the folder of
 * a layout. Where an archive is both, as docker's are today, its layout counts: there the manifests are as they were pushed.
 * InvalidArgument for what is no such archive, or leads out of itself, or may be read in two ways.
 */
export async function readArchive(path: string, { signal }: { signal?: AbortSignal } = {}): Promise<Archive> {
  if (await isFolder(path)) {
    const files = folderFiles(path);
    const index = await readLayoutIndex(files);
    if (!index) throw new EngineError('InvalidArgument', `${path} is a folder and no OCI layout`);
    return { images: layoutImages(files, index, `oci:${path}`), async [Symbol.asyncDispose]() {} };
  }
  await using cleanup = new AsyncDisposableStack();
  const files = cleanup.use(await openArchiveFiles(path, signal));
  const index = await readLayoutIndex(files);
  const items = await readDockerManifest(files);
  if (!index && !items) {
    throw new EngineError(
      'InvalidArgument',
      `${path} is no archive of images: it has neither manifest.json nor an OCI layout (a root file system is for: strata import)`,
    );
  }
  const images = index
    ? layoutImages(files, index, `oci-archive:${path}`)
    : (items ?? []).map((item) => ({ references: item.RepoTags ?? [], source: dockerArchiveSource(files, item) }));
  const keep = cleanup.move();
  return { images, [Symbol.asyncDispose]: () => keep.disposeAsync() };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new EngineError('NotFound', `${path}: no such file`, { cause: error });
    throw error;
  }
}

/** An image of several names stands in the index once for each. */
function layoutImages(files: LayoutFiles, index: Index, name: string): ArchiveImage[] {
  const byDigest = new Map<Digest, { descriptor: Descriptor; references: Set<string> }>();
  for (const { descriptor, reference } of index.manifests.map(entryOf)) {
    const image = byDigest.get(descriptor.digest) ?? { descriptor, references: new Set() };
    if (reference !== undefined) image.references.add(reference);
    byDigest.set(descriptor.digest, image);
  }
  return [...byDigest.values()].map(({ descriptor, references }) => ({
    references: [...references],
    source: layoutSource(files, name, async () => descriptor),
  }));
}
