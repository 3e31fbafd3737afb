import { readImage, unpackImage, verifyLayers } from '../image/index.ts';
import { type Digest, formatReference, type Platform, parseReference, withDefaultTag } from '../oci/index.ts';
import { hasCode, type Job, startJob } from '../std/index.ts';
import { copyImage, readArchive, storeSink, type TransferEvent } from '../transfer/index.ts';
import type { Engine } from './engine.ts';
import { imageEvent } from './image-event.ts';
import { unpackReport } from './pull.ts';

export interface LoadOptions {
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

export interface LoadedImage {
  /** Names that now mean this image; empty where the archive gave none. */
  readonly names: readonly string[];
  readonly id: Digest;
  /** Names that meant another image before: that one stays, dangling. */
  readonly moved: readonly string[];
}

/** Takes the images of an archive (docker's, OCI's; compressed or not) or of an OCI layout's folder into the store. */
export function load(engine: Engine, path: string, options: LoadOptions = {}): Job<TransferEvent, LoadedImage[]> {
  return startJob(async ({ signal, report }) => {
    const { store } = engine;
    const snapshots = await engine.snapshots();
    await using _lease = await store.lease();
    await using archive = await readArchive(path);
    const loaded: LoadedImage[] = [];
    for (const { references, source } of archive.images) {
      const names = references.flatMap(nameOf);
      const { target } = await copyImage(source, storeSink(store), {
        signal,
        report,
        ...(options.platform && { platform: options.platform }),
      });
      const image = await readImage(store.content, target, options.platform);
      const unpacks = image.config.os === 'linux';
      await verifyLayers(store, image, { signal, ...(unpacks && { snapshots }) });
      if (unpacks) await unpackImage(store, snapshots, image, { signal, report: unpackReport(report) });
      const moved: string[] = [];
      for (const name of names.length > 0 ? names : [undefined]) {
        const before = await store.images.set(name, target);
        if (name !== undefined && before && before.descriptor.digest !== target.digest) moved.push(name);
      }
      imageEvent(engine, 'load', image.id);
      loaded.push({ names, id: image.id, moved });
    }
    return loaded;
  }, options);
}

/** A name in full; none for what only means something inside the archive (a bare tag is taken as the repository that it reads as). */
function nameOf(text: string): string[] {
  try {
    return [formatReference(withDefaultTag(parseReference(text)))];
  } catch (error) {
    if (hasCode(error, 'InvalidArgument')) return [];
    throw error;
  }
}
