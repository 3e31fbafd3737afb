import { BLOCK, checksumMatches, FIELD, numberField, textField, tryNumberField } from './fields.ts';
import { malformed } from './malformed.ts';

/** Who wrote the header block, told by its magic: decides what lies behind the link name. */
export type HeaderFormat = 'v7' | 'ustar' | 'star' | 'gnu';

/** One header block, nothing applied to it yet. */
export interface Header {
  readonly format: HeaderFormat;
  /** The typeflag's character; '\0' for old archives' files. */
  readonly typeflag: string;
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Whole seconds. */
  readonly mtime: number;
  readonly linkName: string;
  readonly userName: string;
  readonly groupName: string;
}

const MAGIC = FIELD.magic[0];
const [TYPEFLAG] = FIELD.typeflag;

/** Reads the header block at `at`, which is byte `offset` of the archive. */
export function readHeader(block: Buffer, at: number, offset: number): Header {
  if (!checksumMatches(block, at)) {
    throw malformed(offset === 0 ? 'not a tar archive (checksum)' : 'wrong checksum', offset);
  }
  const format = formatOf(block, at);
  const name = textField(block, at, FIELD.name);
  const prefix = prefixOf(block, at, format);
  const plain = format === 'v7';
  return {
    format,
    typeflag: String.fromCharCode(block[at + TYPEFLAG] as number),
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: numberField(block, at, FIELD.mode, offset),
    uid: numberField(block, at, FIELD.uid, offset),
    gid: numberField(block, at, FIELD.gid, offset),
    size: numberField(block, at, FIELD.size, offset),
    mtime: numberField(block, at, FIELD.mtime, offset),
    linkName: textField(block, at, FIELD.linkName),
    userName: plain ? '' : textField(block, at, FIELD.userName),
    groupName: plain ? '' : textField(block, at, FIELD.groupName),
  };
}

/** Device numbers are read only where they count: other members may hold anything there. */
export function readDevice(block: Buffer, at: number, offset: number): { major: number; minor: number } {
  return {
    major: numberField(block, at, FIELD.major, offset),
    minor: numberField(block, at, FIELD.minor, offset),
  };
}

function formatOf(block: Buffer, at: number): HeaderFormat {
  // "ustar" and then NUL (POSIX) or two spaces (GNU)
  if (block.readUInt32BE(at + MAGIC) !== 0x75737461 || block[at + MAGIC + 4] !== 0x72) return 'v7';
  const sixth = block[at + MAGIC + 5];
  if (sixth === 0) return block.readUInt32BE(at + BLOCK - 4) === 0x74617200 ? 'star' : 'ustar';
  return sixth === 0x20 && block[at + MAGIC + 6] === 0x20 && block[at + MAGIC + 7] === 0 ? 'gnu' : 'v7';
}

function prefixOf(block: Buffer, at: number, format: HeaderFormat): string {
  if (format === 'ustar') return textField(block, at, FIELD.prefix);
  if (format === 'star') return textField(block, at, FIELD.starPrefix);
  if (format === 'v7' || block[at + FIELD.prefix[0]] === 0) return '';
  // GNU keeps times here. Go before 1.8, and so docker's layers of that age, wrote a prefix; Go reads it where the times make no sense.
  const times =
    tryNumberField(block, at, FIELD.gnuAccessTime) !== undefined &&
    tryNumberField(block, at, FIELD.gnuChangeTime) !== undefined;
  if (times) return '';
  const prefix = textField(block, at, FIELD.prefix);
  return /^[\0-\x7f]*$/.test(prefix) ? prefix : '';
}
