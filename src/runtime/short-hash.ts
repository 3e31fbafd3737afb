/**
 * FNV-1a, 32 bits, in hex. For names of files where no enemy chooses the text, or where the file says itself what it is of: node:crypto
 * takes 3 ms to load.
 */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
