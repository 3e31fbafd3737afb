import { lstatSync, readlinkSync } from 'node:fs';
import { readXattrs, splitDevice } from '../linux/index.ts';
import { decodeName, EngineError, fsPath } from '../std/index.ts';
import type { ImageEntry } from './layer-image.ts';
import type { Draft } from './layer-tree.ts';
import { directoryBelow, type Lower, type Metadata, metadataOf } from './metadata.ts';
import type { PendingLayer } from './settle.ts';
import type { TocEntry } from './toc.ts';
import { missingTarget } from './tree-writer.ts';
import { sameXattrs } from './xattrs.ts';

/** Whether a layer's image, made without knowing the layers below, shows on top of them what it should. */
export function isSettled(pending: PendingLayer, lower: Lower): boolean {
  return (
    pending.linksBelow.length === 0 &&
    pending.whiteouts.every((path) => lower(path) !== undefined) &&
    pending.impliedDirectories.every((path) => isAsImplied(path, directoryBelow(lower, path)))
  );
}

/** An implied directory is written as `impliedDirectory` has it; of the root the time is nobody's concern. */
function isAsImplied(path: string, below: Metadata | undefined): boolean {
  if (!below) return true;
  const { mode, uid, gid, mtime, xattrs } = below;
  return mode === 0o755 && uid === 0 && gid === 0 && (path === '' || mtime === 0n) && sameXattrs(xattrs, undefined);
}

/**
 * The entries of a layer for an image that stands on `lower` alone: hard links to files below bring those files, directories that the layer only
 * passes through have their metadata, whiteouts of nothing are gone. Throws InvalidArgument for a link to nothing.
 */
export function settledEntries(entries: readonly TocEntry[], lower: Lower): ImageEntry[] {
  return entries.flatMap((entry): ImageEntry[] => {
    if (entry.type === 'whiteout') return lower(entry.path) === undefined ? [] : [entry];
    if (entry.linksBelow) return [copyOf(entry, lower)];
    const below = entry.implied && directoryBelow(lower, entry.path);
    return [below ? withMetadata(entry, below) : entry];
  });
}

function copyOf(entry: TocEntry, lower: Lower): ImageEntry {
  const source = lower(entry.link as string);
  if (source === undefined) throw missingTarget(entry);
  const stats = lstatSync(fsPath(source), { bigint: true });
  const copy: Draft & { source?: string } = withMetadata(entry, metadataOf(stats, readXattrs(source)));
  delete copy.link;
  delete copy.linksBelow;
  if (stats.isFile()) {
    return { ...copy, type: 'file', size: Number(stats.size), source };
  }
  if (stats.isSymbolicLink()) {
    const link = decodeName(readlinkSync(fsPath(source), { encoding: 'buffer' }));
    return { ...copy, type: 'symlink', link };
  }
  if (stats.isFIFO()) return { ...copy, type: 'fifo' };
  if (stats.isCharacterDevice()) return { ...copy, type: 'character', device: splitDevice(stats.rdev) };
  if (stats.isBlockDevice()) return { ...copy, type: 'block', device: splitDevice(stats.rdev) };
  throw new EngineError('InvalidArgument', `a hard link can't name ${JSON.stringify(entry.link)}`);
}

function withMetadata(entry: TocEntry, { mode, uid, gid, mtime, xattrs }: Metadata): Draft {
  const { xattrs: _, implied: __, ...rest } = entry;
  return { ...rest, mode, uid, gid, mtime, ...(xattrs && { xattrs }) };
}
