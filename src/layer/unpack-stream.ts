import type { DecompressLimits } from '../compression/index.ts';
import type { Digest } from '../oci/index.ts';
import type { ByteStream } from '../std/index.ts';
import { type AppliedLayer, type ApplyOptions, applyLayer } from './apply.ts';
import { keepTar } from './keep-tar.ts';
import { type LayerImage, type LayerImageFiles, writeLayerImage } from './layer-image.ts';
import type { LayerLimits } from './layer-tree.ts';
import type { Skipped } from './metadata.ts';
import { readEntries } from './read-layer.ts';
import { NOTHING_PENDING, type PendingLayer, pendingOf } from './settle.ts';
import type { TocEntry } from './toc.ts';
import { writeTocFile } from './toc-file.ts';

/** What one unpacking does with a layer, but for where its bytes come from. Plain data. */
export interface UnpackPlan {
  /** What the uncompressed tar must hash to; the layer's digest names the algorithm. */
  readonly diffID?: Digest;
  /** Where to unpack, as `applyLayer`; without it only the table is made. */
  readonly root?: string;
  /** Instead of a root: keeps the tar and writes an image of it, as form `overlay`, with nothing extracted. */
  readonly image?: LayerImageFiles;
  /** `overlay` by default. */
  readonly form?: ApplyOptions['form'];
  readonly userXattr?: boolean;
  readonly ownership?: NonNullable<ApplyOptions['ownership']>;
  /** File to write the table of contents to. */
  readonly toc?: string;
  readonly limits?: Partial<LayerLimits> & DecompressLimits;
}

/** What is left to say of an unpacked layer: its table is in the file, not in memory. */
export interface UnpackedLayer {
  readonly diffID: Digest;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** Names in the table. */
  readonly entries: number;
  /** As in `AppliedLayer`. */
  readonly opaque: boolean;
  /** As in `AppliedLayer`. */
  readonly pending: PendingLayer;
  readonly skipped: Readonly<Skipped>;
  /** Where the plan asked for one. */
  readonly image?: LayerImage;
}

/** What is found out of a layer beside its tar. */
export interface TarSource {
  /** The blob is the tar itself, not compressed. */
  readonly isPlain: boolean;
  /** Settles once the whole tar is known to be what it should be. */
  readonly verified: Promise<VerifiedTar>;
}

export interface VerifiedTar {
  readonly diffID: Digest;
  /** Where the blob may be found as a file. */
  readonly blobPaths: readonly string[];
}

/** Everything that is done with a layer's tar in one pass: walk, write files, keep the table. That comes last, when the digest is known to be right. */
export async function unpackTar(tar: ByteStream, plan: UnpackPlan, source: TarSource): Promise<UnpackedLayer> {
  if (plan.image) return imaged(tar, plan.image, plan, source);
  const { entries, size, ...rest } =
    plan.root === undefined ? await onlyEntries(tar, plan) : await applied(tar, plan.root, plan);
  const { diffID } = await source.verified;
  if (plan.toc !== undefined) await writeTocFile(plan.toc, { diffID, size, entries });
  return { diffID, size, entries: entries.length, ...rest };
}

async function imaged(
  tar: ByteStream,
  files: LayerImageFiles,
  { limits = {}, toc }: UnpackPlan,
  { isPlain, verified }: TarSource,
): Promise<UnpackedLayer> {
  using kept = keepTar(files.tar, { isPlain });
  const { entries, size } = await readEntries(tar, { limits, seen: (chunk) => kept.seen(chunk) });
  const { diffID, blobPaths } = await verified;
  kept.finish(blobPaths);
  const pending = pendingOf(entries);
  const image = writeLayerImage(withoutPending(entries, pending), { files, tarSize: size });
  if (toc !== undefined) await writeTocFile(toc, { diffID, size, entries });
  return {
    diffID,
    size,
    entries: entries.length,
    opaque: entries[0]?.opaque ?? false,
    pending,
    skipped: { devices: 0, xattrs: 0 },
    image,
  };
}

/** What an image can show that stands by itself. */
function withoutPending(entries: readonly TocEntry[], { linksBelow }: PendingLayer): readonly TocEntry[] {
  if (linksBelow.length === 0) return entries;
  const paths = new Set(linksBelow.flatMap(({ paths }) => paths));
  return entries.filter(({ path }) => !paths.has(path));
}

function applied(tar: ByteStream, root: string, plan: UnpackPlan): Promise<AppliedLayer> {
  const { form = 'overlay', userXattr, ownership, limits } = plan;
  return applyLayer(tar, root, {
    form,
    ...(userXattr !== undefined && { userXattr }),
    ...(ownership && { ownership }),
    ...(limits && { limits }),
  });
}

async function onlyEntries(tar: ByteStream, { limits }: UnpackPlan): Promise<AppliedLayer> {
  const { entries, size } = await readEntries(tar, limits && { limits });
  const opaque = entries[0]?.opaque ?? false;
  return { entries, size, opaque, pending: NOTHING_PENDING, skipped: { devices: 0, xattrs: 0 } };
}
