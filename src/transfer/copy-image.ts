import { type Descriptor, type Digest, type Manifest, type Platform, parseManifest } from '../oci/index.ts';
import { EngineError, forEachLimited } from '../std/index.ts';
import { chooseImage } from './choose-image.ts';
import type { ImageSink, ImageSource, ManifestBytes, TransferEvent } from './place.ts';

export interface CopyOptions {
  /** Which of an index's images to take; this host's where nothing is said. */
  readonly platform?: Platform;
  /** Takes every image of an index instead of one. */
  readonly allPlatforms?: boolean;
  /** Blobs on their way at once. */
  readonly concurrency?: number;
  readonly signal: AbortSignal;
  report(event: TransferEvent): void;
  /** Hears of each image's manifest and config before its layers move, so that they can unpack while they do. */
  onImage?(manifest: Manifest, config: Descriptor): Promise<void>;
}

export interface CopiedImage {
  /** What the source's reference means: a manifest or an index. */
  readonly target: Descriptor;
  /** The images that were copied. */
  readonly manifests: readonly Descriptor[];
}

const CONCURRENCY = 4;

/**
 * Copies what `source` names to `sink`: blobs that are not there yet, several at once, then manifests, then the name. What the sink has is not
 * sent; so a copy that was cut goes on where it stopped.
 */
export async function copyImage(source: ImageSource, sink: ImageSink, options: CopyOptions): Promise<CopiedImage> {
  const top = await source.resolve();
  options.report({ kind: 'resolved', digest: top.descriptor.digest, name: source.name });
  const document = parseManifest(top.bytes, top.descriptor.mediaType);
  if (document.kind === 'manifest') {
    await copyBlobs(source, sink, document.manifest, options);
    await sink.finish(top);
    return { target: top.descriptor, manifests: [top.descriptor] };
  }
  const wanted = options.allPlatforms
    ? document.index.manifests
    : [chooseImage(document.index, options.platform, source.name)];
  const manifests: Descriptor[] = [];
  for (const child of wanted) manifests.push(...(await copyChild(source, sink, child, options)));
  await sink.finish(top);
  return { target: top.descriptor, manifests };
}

/** Copies one member of an index: an image, or for `allPlatforms` an index again. */
async function copyChild(
  source: ImageSource,
  sink: ImageSink,
  descriptor: Descriptor,
  options: CopyOptions,
  depth = 0,
): Promise<Descriptor[]> {
  const child: ManifestBytes = await source.manifest(descriptor);
  const document = parseManifest(child.bytes, child.descriptor.mediaType);
  const copied: Descriptor[] = [];
  if (document.kind === 'index') {
    if (depth > 3)
      throw new EngineError('InvalidArgument', `${source.name}: indexes are nested too deep at ${descriptor.digest}`);
    for (const inner of document.index.manifests)
      copied.push(...(await copyChild(source, sink, inner, options, depth + 1)));
  } else {
    await copyBlobs(source, sink, document.manifest, options);
    copied.push(child.descriptor);
  }
  await sink.writeManifest(child);
  return copied;
}

async function copyBlobs(
  source: ImageSource,
  sink: ImageSink,
  manifest: Manifest,
  options: CopyOptions,
): Promise<void> {
  await copyBlob(source, sink, manifest.config, { ...options, report: () => {} }); // small, and no layer: nobody waits for it
  await options.onImage?.(manifest, manifest.config);
  const layers = new Map<Digest, Descriptor>(); // a layer may stand in an image twice
  for (const layer of manifest.layers) layers.set(layer.digest, layer);
  for (const { digest, size } of layers.values()) options.report({ kind: 'blob', id: digest, state: 'waiting', size });
  await forEachLimited(layers.values(), options.concurrency ?? CONCURRENCY, (layer) =>
    copyBlob(source, sink, layer, options),
  );
}

async function copyBlob(
  source: ImageSource,
  sink: ImageSink,
  blob: Descriptor,
  { signal, report }: CopyOptions,
): Promise<void> {
  signal.throwIfAborted();
  const { digest: id, size } = blob;
  if (await sink.hasBlob(blob, source)) {
    report({ kind: 'blob', id, state: 'exists', size });
    return;
  }
  const activity = sink.takesIn ?? 'uploading';
  await sink.writeBlob(blob, (offset) => source.blob(blob, { offset, signal }), {
    signal,
    report: (current) => report({ kind: 'progress', id, activity, current, total: size }),
  });
  report({ kind: 'blob', id, state: 'done', size });
}
