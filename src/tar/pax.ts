import { decodeName } from '../std/index.ts';
import type { SparseRun } from './entry.ts';
import { malformed } from './malformed.ts';
import { parseRuns } from './sparse.ts';

/** What a pax header says about the member behind it; absent fields leave the header's own. */
export interface PaxAttributes {
  path?: string;
  linkPath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  userName?: string;
  groupName?: string;
  /** Nanoseconds. */
  mtime?: bigint;
  xattrs?: Map<string, Buffer>;
  sparse?: PaxSparse;
}

/** GNU.sparse.*, versions 0.0 and 0.1 (runs here) and 1.0 (runs in front of the data). */
export interface PaxSparse {
  name?: string;
  realSize?: number;
  major?: string;
  minor?: string;
  count?: number;
  /** Offsets and lengths in turn. */
  numbers?: number[];
}

const SCHILY_XATTR = 'SCHILY.xattr.';
const LIBARCHIVE_XATTR = 'LIBARCHIVE.xattr.';
const SPARSE = 'GNU.sparse.';
const NANOSECONDS = 1_000_000_000n;

/** Parses the body of a pax header: records of `LENGTH KEY=VALUE\n`. `offset` is the header's, for errors. */
export function parsePax(body: Buffer, offset: number): PaxAttributes {
  const attributes: PaxAttributes = {};
  const foreign = new Map<string, Buffer>();
  forEachRecord(body, offset, (key, value) => apply(attributes, foreign, key, value, offset));
  if (foreign.size > 0) {
    // bsdtar writes both spellings; SCHILY's, which everyone else reads, wins.
    attributes.xattrs = new Map([...foreign, ...(attributes.xattrs ?? [])]);
  }
  return attributes;
}

/** Checks that `body` is made of records, and takes nothing from it. */
export function checkPax(body: Buffer, offset: number): void {
  forEachRecord(body, offset, () => {});
}

function forEachRecord(body: Buffer, offset: number, visit: (key: string, value: Buffer) => void): void {
  for (let at = 0; at < body.length; ) {
    let length = 0;
    let index = at;
    for (; index < body.length && index - at < 8; index++) {
      const digit = (body[index] as number) - 0x30;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    const end = at + length;
    const equals = body.indexOf(0x3d, index + 1);
    if (index === at || body[at] === 0x30 || body[index] !== 0x20 || end > body.length || body[end - 1] !== 0x0a) {
      throw malformed(`pax record at byte ${at} of the extended header has a wrong length`, offset);
    }
    if (equals <= index + 1 || equals >= end) {
      throw malformed(`pax record at byte ${at} of the extended header is no KEY=VALUE`, offset);
    }
    const key = decodeName(body.subarray(index + 1, equals));
    if (key.includes('\0')) throw malformed('pax key with a NUL byte', offset);
    visit(key, body.subarray(equals + 1, end - 1));
    at = end;
  }
}

function apply(to: PaxAttributes, foreign: Map<string, Buffer>, key: string, value: Buffer, offset: number): void {
  if (key.startsWith(SCHILY_XATTR)) {
    to.xattrs ??= new Map();
    to.xattrs.set(decodeXattrKey(key.slice(SCHILY_XATTR.length)), Buffer.from(value));
    return;
  }
  if (key.startsWith(LIBARCHIVE_XATTR)) {
    foreign.set(decodeUrl(key.slice(LIBARCHIVE_XATTR.length)), Buffer.from(value.toString('latin1'), 'base64'));
    return;
  }
  if (key.startsWith(SPARSE)) {
    to.sparse ??= {};
    applySparse(to.sparse, key.slice(SPARSE.length), value, offset);
    return;
  }
  if (value.length === 0) return; // POSIX: as if the record were not there
  switch (key) {
    case 'path':
      to.path = text(key, value, offset);
      break;
    case 'linkpath':
      to.linkPath = text(key, value, offset);
      break;
    case 'uname':
      to.userName = text(key, value, offset);
      break;
    case 'gname':
      to.groupName = text(key, value, offset);
      break;
    case 'size':
      to.size = decimal(key, value, offset);
      break;
    case 'uid':
      to.uid = decimal(key, value, offset);
      break;
    case 'gid':
      to.gid = decimal(key, value, offset);
      break;
    case 'mtime':
      to.mtime = parseTime(value.toString('latin1'), offset);
      break;
    default: // atime, ctime, comment, hdrcharset (names are bytes to us either way) and what others made up
  }
}

function applySparse(to: PaxSparse, key: string, value: Buffer, offset: number): void {
  switch (key) {
    case 'name':
      if (value.length > 0) to.name = text(key, value, offset);
      break;
    case 'size':
    case 'realsize':
      to.realSize = decimal(SPARSE + key, value, offset);
      break;
    case 'major':
      to.major = value.toString('latin1');
      break;
    case 'minor':
      to.minor = value.toString('latin1');
      break;
    case 'numblocks':
      to.count = decimal(SPARSE + key, value, offset);
      break;
    case 'map':
      to.numbers =
        value.length === 0
          ? []
          : value
              .toString('latin1')
              .split(',')
              .map((part) => digits(SPARSE + key, part, offset));
      break;
    case 'offset':
    case 'numbytes':
      to.numbers ??= [];
      if ((to.numbers.length % 2 === 0) !== (key === 'offset'))
        throw malformed('GNU.sparse pairs out of order', offset);
      to.numbers.push(decimal(SPARSE + key, value, offset));
      break;
    default: // none that matters
  }
}

/** The runs of a version 0.x file; `undefined` for 1.0, whose runs stand before the data. */
export function paxRuns(sparse: PaxSparse, size: number, storedSize: number, offset: number): SparseRun[] | undefined {
  const version = sparse.major === undefined && sparse.minor === undefined ? '0.0' : `${sparse.major}.${sparse.minor}`;
  if (version === '1.0') return undefined;
  if (version !== '0.0' && version !== '0.1') throw malformed(`unknown GNU.sparse version ${version}`, offset);
  const numbers = sparse.numbers ?? [];
  if (sparse.count !== undefined && sparse.count * 2 !== numbers.length) {
    throw malformed('GNU.sparse.numblocks does not count the map', offset);
  }
  return parseRuns(numbers, size, storedSize, offset);
}

function text(key: string, value: Buffer, offset: number): string {
  if (value.includes(0)) throw malformed(`pax ${key} with a NUL byte`, offset);
  return decodeName(value);
}

function decimal(key: string, value: Buffer, offset: number): number {
  return digits(key, value.toString('latin1'), offset);
}

function digits(key: string, value: string, offset: number): number {
  const number = Number(value);
  if (!/^[0-9]{1,20}$/.test(value) || !Number.isSafeInteger(number)) {
    throw malformed(`pax ${key} ${JSON.stringify(value.slice(0, 40))} is no number this program can hold`, offset);
  }
  return number;
}

/** Seconds with a fraction of any length, cut to nanoseconds; the sign covers both parts. */
function parseTime(value: string, offset: number): bigint {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw malformed(`pax mtime ${JSON.stringify(value.slice(0, 40))} is no time`, offset);
  const [, sign, seconds = '0', fraction = ''] = match;
  const nanoseconds = BigInt(seconds) * NANOSECONDS + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -nanoseconds : nanoseconds;
}

/** GNU tar writes `=` and `%` of an attribute's name in these two ways, and only these. */
function decodeXattrKey(key: string): string {
  return key.includes('%') ? key.replaceAll('%3D', '=').replaceAll('%25', '%') : key;
}

export function encodeXattrKey(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('=', '%3D');
}

function decodeUrl(key: string): string {
  if (!key.includes('%')) return key;
  const bytes = key.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decodeName(Buffer.from(bytes, 'latin1'));
}

/** A pax time for `mtime` nanoseconds, as short as it can be. */
export function formatTime(mtime: bigint): string {
  const magnitude = mtime < 0n ? -mtime : mtime;
  const fraction = (magnitude % NANOSECONDS).toString().padStart(9, '0').replace(/0+$/, '');
  return `${mtime < 0n ? '-' : ''}${magnitude / NANOSECONDS}${fraction === '' ? '' : `.${fraction}`}`;
}

/** One record; its length counts the digits that say it. */
export function formatRecord(key: Buffer, value: Buffer): Buffer {
  const rest = key.length + value.length + 3; // space, =, newline
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return Buffer.concat([Buffer.from(`${length} `), key, Buffer.of(0x3d), value, Buffer.of(0x0a)]);
}
