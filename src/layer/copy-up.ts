import { type BigIntStats, constants, lstatSync, openSync, readlinkSync, readSync, writeSync } from 'node:fs';
import {
  chmodAt,
  chownAt,
  cloneFile,
  closeFd,
  mknodAt,
  openAt,
  readXattrs,
  symlinkAt,
  utimesAt,
} from '../linux/index.ts';
import { decodeName, EngineError, fsPath } from '../std/index.ts';
import { type Metadata, metadataOf, type Ownership, type Skipped, writeMetadata } from './metadata.ts';

const CHUNK = 1 << 20;

/** Makes `name` in an open directory a copy of the file, link or device at `source`, metadata included. */
export function copyUp(source: string, parent: number, name: string, ownership: Ownership, skipped: Skipped): void {
  const stats = lstatSync(fsPath(source), { bigint: true });
  if (stats.isDirectory()) throw new EngineError('InvalidArgument', `a hard link can't name the directory ${source}`);
  const metadata = metadataOf(stats, readXattrs(source));
  if (stats.isFile()) {
    copyFile(source, parent, name, metadata, { ownership, skipped });
    return;
  }
  if (stats.isSymbolicLink()) {
    symlinkAt(decodeName(readlinkSync(fsPath(source), { encoding: 'buffer' })), parent, name);
  } else if (ownership === 'exact' || stats.isFIFO()) {
    makeNode(stats, parent, name);
  } else {
    skipped.devices += 1;
    return;
  }
  if (ownership === 'exact') chownAt(parent, name, metadata.uid, metadata.gid);
  if (!stats.isSymbolicLink()) chmodAt(parent, name, metadata.mode);
  utimesAt(parent, name, metadata.mtime, metadata.mtime);
}

function makeNode(stats: BigIntStats, parent: number, name: string): void {
  mknodAt(parent, name, Number(stats.mode), stats.rdev);
}

function copyFile(
  source: string,
  parent: number,
  name: string,
  metadata: Metadata,
  { ownership, skipped }: { ownership: Ownership; skipped: Skipped },
): void {
  const from = openSync(fsPath(source), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const to = openAt(parent, name, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      if (!cloneFile(to, from)) copyContent(from, to);
      writeMetadata(to, metadata, ownership, skipped);
    } finally {
      closeFd(to);
    }
  } finally {
    closeFd(from);
  }
}

function copyContent(from: number, to: number): void {
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  for (;;) {
    const length = readSync(from, buffer);
    if (length === 0) return;
    writeFully(to, buffer.subarray(0, length));
  }
}

/** write(2) until all is written, at the file's own offset or at `position`. */
export function writeFully(fd: number, bytes: Uint8Array, position: number | null = null): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, bytes.length - at, position === null ? null : position + at);
  }
}
