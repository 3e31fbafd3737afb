export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz';

/** First bytes that {@link detectCompression} needs. */
export const MAGIC_LENGTH = 6;

/** What `start`, the first six bytes or all there are, is compressed with. */
export function detectCompression(start: Uint8Array): Compression {
  const [a, b, c, d, e, f] = start;
  if (a === 0x1f && b === 0x8b && c === 0x08) return 'gzip'; // RFC 1952, 2.3.1
  if (isZstd(a, b, c, d)) return 'zstd';
  if (a === 0xfd && b === 0x37 && c === 0x7a && d === 0x58 && e === 0x5a && f === 0) return 'xz';
  // "BZh", a level, and the first digits of π (a block) or of its root (the end, where there is none): no file's name is that.
  const level = d !== undefined && d >= 0x31 && d <= 0x39;
  if (a === 0x42 && b === 0x5a && c === 0x68 && level && ((e === 0x31 && f === 0x41) || (e === 0x17 && f === 0x72))) {
    return 'bzip2';
  }
  return 'none';
}

/** A frame, or a skippable one as pzstd puts first; RFC 8878, 3.1. */
function isZstd(a?: number, b?: number, c?: number, d?: number): boolean {
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return true;
  return a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18;
}
