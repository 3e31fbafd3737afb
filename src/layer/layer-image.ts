import { closeSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';
import { type ErofsEntry, isMappable, writeErofs } from '../erofs/index.ts';
import { fsPath } from '../std/index.ts';
import type { SparseRun } from '../tar/index.ts';
import { writeFully } from './copy-up.ts';
import type { TocEntry } from './toc.ts';

/** Files that together can be mounted as one layer: data stays where it is in the tar. */
export interface LayerImageFiles {
  /** The uncompressed layer; the image's first device. */
  readonly tar: string;
  /** The EROFS image. */
  readonly image: string;
  /** Its second device, only where it is needed: what can't be mapped where it lies in the tar. */
  readonly spill: string;
}

/** What is left to say of a layer's image. */
export interface LayerImage {
  /** Whether there is a second device. */
  readonly spilled: boolean;
  readonly inodes: number;
  /** Names of the extended attributes of its root. */
  readonly rootXattrs: readonly string[];
}

/** Data of sparse files begins at these bounds of the second device. */
const PAGE = 4096;
const CHUNK = 1 << 20;

/** An entry whose content is not in the layer's own tar: hard links to files of layers below have that of `source`. */
export type ImageEntry = TocEntry & { readonly source?: string };

/** Writes the image of a layer, blocking its thread. The tar, of `tarSize` bytes, is there already. Throws as `writeErofs` and Node do. */
export function writeLayerImage(
  entries: readonly ImageEntry[],
  { files, tarSize }: { files: LayerImageFiles; tarSize: number },
): LayerImage {
  rmSync(files.spill, { force: true });
  rmSync(files.image, { force: true }); // it may be mounted, and keeps its bytes then
  const { mapped, spillSize } = spill(entries, files);
  const devices = spillSize > 0 ? [tarSize, spillSize] : [tarSize];
  const file = openSync(files.image, 'wx', 0o600);
  try {
    for (const chunk of writeErofs(mapped, { devices })) writeFully(file, chunk);
  } finally {
    closeSync(file);
  }
  const inodes = entries.reduce((sum, { type }) => sum + (type === 'hardlink' ? 0 : 1), 0);
  return { spilled: spillSize > 0, inodes, rootXattrs: [...(entries[0]?.xattrs?.keys() ?? [])] };
}

/** Copies what an image can't map to a file of its own, in which holes are holes. */
function spill(
  entries: readonly ImageEntry[],
  files: LayerImageFiles,
): { mapped: readonly ErofsEntry[]; spillSize: number } {
  if (entries.every((entry) => entry.source === undefined && isMappable(entry))) {
    return { mapped: entries, spillSize: 0 };
  }
  let size = 0;
  const to = openSync(files.spill, 'wx', 0o600);
  const tar = openSync(files.tar, 'r');
  try {
    const mapped = entries.map((entry): ErofsEntry => {
      const { source, data } = entry;
      if (entry.type !== 'file' || entry.size === 0 || (source === undefined && isMappable(entry))) return entry;
      const offset = size;
      size += Math.ceil(entry.size / PAGE) * PAGE;
      if (source !== undefined) copyFile(source, to, offset);
      else if (data) copyRuns(tar, data.offset, data.sparse ?? [{ offset: 0, length: entry.size }], to, offset);
      return { ...entry, data: { device: 1, offset } };
    });
    ftruncateSync(to, size);
    return { mapped, spillSize: size };
  } finally {
    closeSync(tar);
    closeSync(to);
  }
}

/** Runs of data that lie one after the other from `at` on, to where they belong in the file at `offset`. */
function copyRuns(from: number, at: number, runs: readonly SparseRun[], to: number, offset: number): void {
  let position = at;
  for (const run of runs) {
    copyRange(from, position, run.length, to, offset + run.offset);
    position += run.length;
  }
}

function copyFile(source: string, to: number, offset: number): void {
  const from = openSync(fsPath(source), 'r');
  try {
    copyRange(from, 0, Number.POSITIVE_INFINITY, to, offset);
  } finally {
    closeSync(from);
  }
}

function copyRange(from: number, at: number, length: number, to: number, offset: number): void {
  const buffer = Buffer.allocUnsafeSlow(Math.max(Math.min(CHUNK, length), 1));
  for (let done = 0; done < length; ) {
    const read = readSync(from, buffer, 0, Math.min(buffer.length, length - done), at + done);
    if (read === 0) return;
    const part = buffer.subarray(0, read);
    if (!isZero(part)) writeFully(to, part, offset + done);
    done += read;
  }
}

function isZero(bytes: Buffer): boolean {
  return bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1));
}
