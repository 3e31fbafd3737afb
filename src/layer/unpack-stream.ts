import { type DecompressLimits, decompress } from '../compression/index.ts';
import { algorithmOf, createDigester, type Digest, DigestMismatch } from '../oci/index.ts';
import type { ByteStream } from '../std/index.ts';
import { type ApplyOptions, applyWatched } from './apply.ts';
import { keepTar } from './keep-tar.ts';
import { type LayerImage, type LayerImageFiles, writeLayerImage } from './layer-image.ts';
import type { LayerLimits } from './layer-tree.ts';
import type { Skipped } from './metadata.ts';
import { readToc } from './read-layer.ts';
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

/** Everything that is done with a layer's blob in one pass: inflate, hash, walk, write files, keep the table. */
export async function unpackStream(
  blob: ByteStream,
  plan: UnpackPlan,
  signal: AbortSignal,
  { paths = () => [] }: { /** Where the blob may be found as a file. */ paths?: () => readonly string[] } = {},
): Promise<UnpackedLayer> {
  if (plan.image) return imaged(blob, plan.image, plan, signal, paths);
  const { limits = {} } = plan;
  const tar = decompress(blob, { limits, signal, transient: true });
  const { diffID, entries, size, ...rest } =
    plan.root === undefined ? await onlyToc(tar, plan, signal) : await applied(tar, plan.root, plan, signal);
  if (plan.diffID && plan.diffID !== diffID) throw new DigestMismatch('uncompressed layer', plan.diffID, diffID);
  if (plan.toc !== undefined) await writeTocFile(plan.toc, { diffID, size, entries });
  return { diffID, size, entries: entries.length, ...rest };
}

/** Nothing becomes visible before the layer is known to be what it should be: its table comes last. */
async function imaged(
  blob: ByteStream,
  files: LayerImageFiles,
  plan: UnpackPlan,
  signal: AbortSignal,
  paths: () => readonly string[],
): Promise<UnpackedLayer> {
  const { limits = {}, diffID: expected } = plan;
  using kept = keepTar(blob, files.tar);
  const tar = decompress(kept.blob, { limits, signal, transient: true });
  const { diffID, entries, size } = await readToc(tar, {
    limits,
    signal,
    seen: (chunk) => kept.seen(chunk),
    ...(expected && { algorithm: algorithmOf(expected) }),
  });
  if (expected && expected !== diffID) throw new DigestMismatch('uncompressed layer', expected, diffID);
  kept.finish(paths);
  const pending = pendingOf(entries);
  const image = writeLayerImage(withoutPending(entries, pending), { files, tarSize: size });
  if (plan.toc !== undefined) await writeTocFile(plan.toc, { diffID, size, entries });
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

type Result = Omit<UnpackedLayer, 'entries'> & { readonly entries: Awaited<ReturnType<typeof readToc>>['entries'] };

async function applied(tar: ByteStream, root: string, plan: UnpackPlan, signal: AbortSignal): Promise<Result> {
  const digester = digesterFor(plan.diffID);
  const { form = 'overlay', userXattr, ownership, limits } = plan;
  const options: ApplyOptions = {
    form,
    signal,
    ...(userXattr !== undefined && { userXattr }),
    ...(ownership && { ownership }),
    ...(limits && { limits }),
  };
  const layer = await applyWatched(tar, root, options, (chunk) => digester.update(chunk));
  return { diffID: digester.digest(), ...layer };
}

async function onlyToc(tar: ByteStream, { diffID, limits }: UnpackPlan, signal: AbortSignal): Promise<Result> {
  const toc = await readToc(tar, {
    signal,
    ...(limits && { limits }),
    ...(diffID && { algorithm: algorithmOf(diffID) }),
  });
  return {
    ...toc,
    opaque: toc.entries[0]?.opaque ?? false,
    pending: NOTHING_PENDING,
    skipped: { devices: 0, xattrs: 0 },
  };
}

function digesterFor(diffID: Digest | undefined): ReturnType<typeof createDigester> {
  return createDigester(diffID ? algorithmOf(diffID) : 'sha256');
}
