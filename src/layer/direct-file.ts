import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { alignedBuffer, directAlignmentOf } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';
import { writeFully } from './copy-up.ts';

const BUFFER = 1 << 20;
/** What the buffer and its parts begin at: more than any disk asks for. */
const ALIGNMENT = 4096;
/** Below so many bytes a second, taken over the first {@link TRIAL}, the page cache is the better place: the disk follows later. */
const SLOW = 300e6;
const TRIAL = 16 << 20;

/** A file that is written from its beginning to its end. */
export interface DirectFile extends Disposable {
  write(chunk: Uint8Array): void;
  /** All of it is there. */
  finish(): void;
}

/**
 * Makes a file past the page cache where its file system can and the disk is quick enough: what is read past it later (an image mounted with
 * `directio`) would only stand in the way there, and a gigabyte of new pages costs a second. Disposing closes it.
 */
export function createDirectFile(path: string): DirectFile {
  let fd = openNew(path);
  let direct = isAligned(directAlignmentOf(path));
  let buffer: Buffer | undefined;
  let used = 0;
  let written = 0;
  let busy = 0;

  const toCached = (): void => {
    direct = false;
    closeSync(fd);
    fd = -1;
    fd = openSync(path, constants.O_WRONLY | constants.O_APPEND);
  };
  const flush = (): void => {
    const began = performance.now();
    for (let at = 0; at < used; ) at += writeSync(fd, buffer as Buffer, at, used - at);
    busy += performance.now() - began;
    written += used;
    used = 0;
    if (written >= TRIAL && written / busy < SLOW / 1000) toCached();
  };

  if (!direct) toCached();
  return {
    write(chunk) {
      for (let at = 0; at < chunk.length; ) {
        if (!direct) {
          writeFully(fd, chunk.subarray(at));
          return;
        }
        buffer ??= alignedBuffer(BUFFER, ALIGNMENT);
        const length = Math.min(chunk.length - at, BUFFER - used);
        buffer.set(chunk.subarray(at, at + length), used);
        used += length;
        at += length;
        if (used === BUFFER) flush();
      }
    },
    finish() {
      if (used === 0) return;
      if (direct) toCached(); // the end may be of any length
      writeFully(fd, (buffer as Buffer).subarray(0, used));
      used = 0;
    },
    [Symbol.dispose]() {
      if (fd >= 0) closeSync(fd);
    },
  };
}

function openNew(path: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  try {
    return openSync(path, flags | constants.O_DIRECT, 0o600);
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) throw error;
    return openSync(path, flags & ~constants.O_EXCL, 0o600); // the kernel makes it before it refuses
  }
}

function isAligned(alignment: number | undefined): boolean {
  return alignment !== undefined && alignment > 0 && alignment <= ALIGNMENT;
}
