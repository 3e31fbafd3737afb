import { type BigIntStats, ftruncateSync, readSync, writeSync } from 'node:fs';
import { native } from '../linux/index.ts';

const BLOCK = 512n; // of st_blocks
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const buffer = Buffer.allocUnsafeSlow(1 << 20);

/** Copies a file's content with its holes, where the file system can't share it. */
export function copyContent(source: number, target: number, { size, blocks }: BigIntStats): void {
  const end = Number(size);
  if (blocks * BLOCK >= size) {
    copyRun(source, target, 0, end);
    return;
  }
  ftruncateSync(target, end);
  for (let at = seek(source, 0, SEEK_DATA); at >= 0 && at < end; at = seek(source, at, SEEK_DATA)) {
    const hole = seek(source, at, SEEK_HOLE);
    const until = hole < 0 ? end : hole;
    copyRun(source, target, at, until);
    at = until;
  }
}

function copyRun(source: number, target: number, from: number, until: number): void {
  for (let at = from; at < until; ) {
    const read = readSync(source, buffer, 0, Math.min(buffer.length, until - at), at);
    if (read === 0) return; // shorter than it was: nobody writes these trees, but a copy must end
    for (let written = 0; written < read; ) written += writeSync(target, buffer, written, read - written, at + written);
    at += read;
  }
}

/** lseek(2): -1 past the last data. A file system that knows no holes calls all of it data. */
function seek(fd: number, offset: number, whence: number): number {
  return Number(native('int64_t lseek(int, int64_t, int)')(fd, offset, whence));
}
