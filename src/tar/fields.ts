import { decodeName } from '../std/index.ts';
import { malformed } from './malformed.ts';

export const BLOCK = 512;

type FieldName =
  | 'name'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'size'
  | 'mtime'
  | 'checksum'
  | 'typeflag'
  | 'linkName'
  | 'magic'
  | 'userName'
  | 'groupName'
  | 'major'
  | 'minor'
  | 'prefix'
  | 'starPrefix'
  | 'gnuAccessTime'
  | 'gnuChangeTime';

export type Field = readonly [start: number, length: number];

/** A header block's fields; POSIX pax, "ustar Interchange Format", and GNU tar's tar.h. */
export const FIELD: Readonly<Record<FieldName, Field>> = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  userName: [265, 32],
  groupName: [297, 32],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
  /** star ends its prefix early to keep two times behind it. */
  starPrefix: [345, 131],
  gnuAccessTime: [345, 12],
  gnuChangeTime: [357, 12],
};

/** Bytes that fill `size` up to whole blocks. */
export function paddingLength(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** Text up to the first NUL or the field's end. */
export function textField(block: Buffer, at: number, [start, length]: Field): string {
  const from = at + start;
  const limit = from + length;
  let end = from;
  let seen = 0;
  for (; end < limit; end++) {
    const byte = block[end] as number;
    if (byte === 0) break;
    seen |= byte;
  }
  if (end === from) return '';
  return seen < 0x80 ? block.toString('latin1', from, end) : decodeName(block.subarray(from, end));
}

/**
 * A number: octal digits, or base-256 (two's complement, GNU) where the first bit is set. An empty field is 0. As Go reads it:
 * padded with spaces and NULs on both sides, and what follows a NUL behind the digits counts for nothing.
 */
export function numberField(block: Buffer, at: number, field: Field, offset: number): number {
  const value = tryNumberField(block, at, field);
  if (value === undefined) {
    const raw = block.toString('latin1', at + field[0], at + field[0] + field[1]);
    throw malformed(`${nameOf(field)} ${JSON.stringify(raw)} is no number this program can hold`, offset);
  }
  return value;
}

export function tryNumberField(block: Buffer, at: number, [start, length]: Field): number | undefined {
  const from = at + start;
  const limit = from + length;
  if ((block[from] as number) & 0x80) return base256(block, from, limit);
  let index = from;
  while (index < limit && isPadding(block[index] as number)) index++;
  let value = 0; // a field has at most 12 digits: 36 bits
  for (; index < limit; index++) {
    const digit = (block[index] as number) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; index < limit && block[index] !== 0; index++) if (block[index] !== 0x20) return undefined;
  return value;
}

function base256(block: Buffer, from: number, limit: number): number | undefined {
  const first = block[from] as number;
  let value = (first & 0x3f) - (first & 0x40);
  for (let index = from + 1; index < limit; index++) {
    value = value * 256 + (block[index] as number);
    if (!Number.isSafeInteger(value)) return undefined;
  }
  return value;
}

function isPadding(byte: number): boolean {
  return byte === 0x20 || byte === 0;
}

function nameOf(field: Field): string {
  for (const [name, candidate] of Object.entries(FIELD)) if (candidate === field) return name;
  return 'number';
}

/** Whether the stored checksum is the sum of the header's bytes, unsigned as POSIX has it or signed as some old programs took it. */
export function checksumMatches(block: Buffer, at: number): boolean {
  const stored = tryNumberField(block, at, FIELD.checksum);
  const [start, length] = FIELD.checksum;
  let sum = 0;
  for (let index = at; index < at + BLOCK; index++) sum += block[index] as number;
  for (let index = at + start; index < at + start + length; index++) sum -= block[index] as number;
  sum += length * 0x20; // the field itself counts as spaces
  if (sum === stored) return true;
  for (let index = at; index < at + BLOCK; index++) {
    const outside = index < at + start || index >= at + start + length;
    if (outside && (block[index] as number) >= 0x80) sum -= 256;
  }
  return sum === stored;
}

export function isZeroBlock(block: Buffer, at: number): boolean {
  for (let index = at; index < at + BLOCK; index++) if (block[index] !== 0) return false;
  return true;
}
