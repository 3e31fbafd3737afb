import { EngineError, encodeName } from '../std/index.ts';
import type { ErofsEntry } from './entry.ts';
import { roundUp, XATTR_ENTRY, XATTR_HEADER, XATTR_PREFIXES } from './format.ts';

const OPAQUE = ['trusted.overlay.opaque', Buffer.from('y')] as const;
/** Shared attributes of one inode are counted in a byte, what it holds itself in 16 bits of four bytes each. */
const MOST_SHARED = 255;
const LARGEST = XATTR_HEADER + 4 * 0xfffe;
const LARGEST_VALUE = 0xffff;

/** The extended attributes of an image: those that several inodes have stand once, in an area of their own. */
export interface Xattrs {
  /** The area of shared ones. */
  readonly shared: Buffer;
  /** What stands behind the inode of an entry; empty for most. */
  of(entry: ErofsEntry): Buffer;
}

export function xattrsOf(entries: readonly ErofsEntry[]): Xattrs {
  const seen = new Map<string, { bytes: Buffer; count: number; id: number }>();
  for (const entry of entries) {
    for (const [name, value] of attributes(entry)) {
      const key = keyOf(name, value);
      const known = seen.get(key);
      if (known) known.count += 1;
      else seen.set(key, { bytes: encode(entry, name, value), count: 1, id: -1 });
    }
  }
  const area: Buffer[] = [];
  let at = 0;
  for (const one of seen.values()) {
    if (one.count < 2) continue;
    one.id = at / 4;
    area.push(one.bytes);
    at += one.bytes.length;
  }
  return {
    shared: Buffer.concat(area),
    of(entry) {
      const mine = attributes(entry).map(([name, value]) => seen.get(keyOf(name, value)));
      if (mine.length === 0) return NONE;
      const ids: number[] = [];
      const own: Buffer[] = [];
      for (const one of mine) {
        if (!one) continue;
        if (one.id >= 0 && ids.length < MOST_SHARED) ids.push(one.id);
        else own.push(one.bytes);
      }
      return body(entry, ids, own);
    },
  };
}

const NONE = Buffer.alloc(0);

function body(entry: ErofsEntry, ids: readonly number[], own: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(XATTR_HEADER + 4 * ids.length);
  head[4] = ids.length;
  for (const [at, id] of ids.entries()) head.writeUInt32LE(id, XATTR_HEADER + 4 * at);
  const bytes = Buffer.concat([head, ...own]);
  if (bytes.length > LARGEST) throw tooLarge(entry, 'has more extended attributes than fit');
  return bytes;
}

/** An attribute as it is stored: lengths, prefix, rest of the name, value, and zeros to the next four bytes. */
function encode(entry: ErofsEntry, name: string, value: Uint8Array): Buffer {
  const found = XATTR_PREFIXES.find(([prefix]) => name.startsWith(prefix));
  if (!found) throw tooLarge(entry, `has the extended attribute ${JSON.stringify(name)}, which EROFS has no place for`);
  const [prefix, index] = found;
  const rest = encodeName(name.slice(prefix.length));
  if (rest.length > 255 || value.length > LARGEST_VALUE)
    throw tooLarge(entry, `has the extended attribute ${JSON.stringify(name)}, which is too large`);
  const bytes = Buffer.alloc(roundUp(XATTR_ENTRY + rest.length + value.length, 4));
  bytes[0] = rest.length;
  bytes[1] = index;
  bytes.writeUInt16LE(value.length, 2);
  rest.copy(bytes, XATTR_ENTRY);
  bytes.set(value, XATTR_ENTRY + rest.length);
  return bytes;
}

function attributes({ xattrs, opaque }: ErofsEntry): (readonly [string, Uint8Array])[] {
  if (!xattrs && !opaque) return [];
  return [...(opaque ? [OPAQUE] : []), ...(xattrs ?? [])];
}

function keyOf(name: string, value: Uint8Array): string {
  return `${name}\0${Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')}`;
}

function tooLarge({ path }: ErofsEntry, why: string): EngineError {
  return new EngineError('ResourceExhausted', `EROFS image: ${JSON.stringify(path)} ${why}`);
}
