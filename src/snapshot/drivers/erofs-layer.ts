import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LayerImage, LayerImageFiles, UnpackedLayer } from '../../layer/index.ts';
import { algorithmOf, type Digest, hexOf } from '../../oci/index.ts';
import { isErrno } from '../../std/index.ts';
import { bootID, isSafe, type SnapshotFolder } from '../folder.ts';
import { readImageNote } from '../layer-mount.ts';
import { readRecord as readSnapshotRecord } from '../record.ts';
import type { LayerInput } from '../snapshotter.ts';
import { waitTurn } from '../turn.ts';

/** What an image of a layer is, whatever chain it stands in; `erofs.json` in the layer's folder, written last. */
export interface LayerRecord extends LayerImage {
  readonly form: 1;
  /** The boot that made it, and whether it reached the disk since. */
  readonly boot: string;
  readonly synced: boolean;
  /** Bytes of the tar. */
  readonly size: number;
  readonly opaque: boolean;
  readonly pending: UnpackedLayer['pending'];
}

const RECORD = 'erofs.json';

/** `layers/<diffID>/`, which the store names so too. */
export function layerFolder(root: string, diffID: Digest): string {
  return join(root, 'layers', `${algorithmOf(diffID)}-${hexOf(diffID)}`);
}

/** The files of an image in a layer's folder, or in that of the one snapshot that it fits. */
export function filesOf(folder: string): LayerImageFiles {
  return {
    tar: join(folder, 'layer.tar'),
    image: join(folder, 'layer.erofs'),
    spill: join(folder, 'layer.spill'),
  };
}

/** Where a layer's table is that its image was made from. */
export function tocOf({ root }: SnapshotFolder, { toc, diffID }: Pick<LayerInput, 'toc' | 'diffID'>): string {
  return toc ?? join(layerFolder(root, diffID), 'toc');
}

/** Held while a layer's tar and image are made or taken away. */
export function lockOfLayer(folder: SnapshotFolder, diffID: Digest): string {
  return join(folder.path, '.locks', `layer-${diffID}`);
}

/** From now on the layer has no image. */
export function forgetRecord(own: string): void {
  rmSync(join(own, RECORD), { force: true });
}

/** The layer's tar and image, made of its blob unless they are there: one process at a time makes them. */
export async function makeLayer(folder: SnapshotFolder, layer: LayerInput): Promise<LayerRecord> {
  const { diffID, blob: file, signal, report } = layer;
  const own = layerFolder(folder.root, diffID);
  const toc = tocOf(folder, layer);
  using _ = await waitTurn(lockOfLayer(folder, diffID), signal);
  const known = soundRecord(own, toc);
  if (known) return known;
  for (const path of [own, dirname(toc)]) mkdirSync(path, { recursive: true, mode: 0o700 });
  forgetRecord(own);
  const { unpackLayer } = await import('../../layer/index.ts');
  const { size, opaque, pending, image } = await unpackLayer({
    file,
    diffID,
    image: filesOf(own),
    toc,
    ...(signal && { signal }),
    ...(report && { report }),
  });
  const made = image as LayerImage;
  const record: LayerRecord = { form: 1, boot: bootID(), synced: false, size, opaque, pending, ...made };
  writeRecord(own, record);
  return record;
}

/** Notes that what this boot made of these layers is safe on disk. */
export function markLayersSynced(folder: SnapshotFolder, diffIDs: Iterable<Digest>): void {
  for (const diffID of diffIDs) {
    const own = layerFolder(folder.root, diffID);
    const record = readRecord(own);
    if (record && !record.synced && record.boot === bootID()) writeRecord(own, { ...record, synced: true });
  }
}

/** Whether what the snapshot at `place` mounts is there; true for one whose tree is a folder. */
export function hasImageFiles({ root }: SnapshotFolder, place: string): boolean {
  const note = readImageNote(place);
  const diffID = note && readSnapshotRecord(place)?.diffID;
  if (!note || !diffID) return true;
  const layer = layerFolder(root, diffID);
  const { image, spill } = filesOf(note.own ? place : layer);
  const record = readRecord(layer);
  const tarIsWhole = record !== undefined && sizeOf(filesOf(layer).tar) === record.size;
  return tarIsWhole && [image, ...(note.spilled ? [spill] : [])].every(sizeOf);
}

function soundRecord(own: string, toc: string): LayerRecord | undefined {
  const record = readRecord(own);
  if (!record || !isSafe({ chain: [], created: '', ...record })) return undefined;
  const { tar, image, spill } = filesOf(own);
  const whole = sizeOf(tar) === record.size && [image, toc, ...(record.spilled ? [spill] : [])].every(sizeOf);
  return whole ? record : undefined;
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** A torn one counts as none: the layer is made again. */
export function readRecord(own: string): LayerRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(own, RECORD), 'utf8')) as LayerRecord;
    return record.form === 1 ? record : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function writeRecord(own: string, record: LayerRecord): void {
  const aside = join(own, `${RECORD}.tmp-${process.pid}`);
  writeFileSync(aside, JSON.stringify(record), { mode: 0o600 });
  renameSync(aside, join(own, RECORD));
}
