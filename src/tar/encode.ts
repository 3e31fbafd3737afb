import { EngineError, encodeName } from '../std/index.ts';
import type { TarEntry, TarType } from './entry.ts';
import { BLOCK, FIELD, type Field, paddingLength } from './fields.ts';
import { encodeXattrKey, formatRecord, formatTime } from './pax.ts';
import { formatMap } from './sparse.ts';

/** Two zero blocks. */
export const endOfArchive: Buffer = Buffer.alloc(2 * BLOCK);

const NO_BYTES = Buffer.alloc(0);
const NANOSECONDS = 1_000_000_000n;
const TYPEFLAGS: Readonly<Record<TarType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** Zero bytes that follow a member's data of `storedSize` bytes. */
export function paddingOf(storedSize: number): Buffer {
  return endOfArchive.subarray(0, paddingLength(storedSize));
}

/** Bytes of data that a member has in an archive: its runs where it is sparse. */
export function storedSizeOf(entry: TarEntry): number {
  return entry.sparse ? entry.sparse.reduce((total, run) => total + run.length, 0) : entry.size;
}

/**
 * Everything that stands before a member's data: a ustar header, with a pax header in front where ustar can't say it, and the
 * sparse map behind. A pure function of the entry. A directory's name gets the slash it should end with.
 */
export function encodeEntry(entry: TarEntry): Buffer {
  check(entry);
  const records = new Records();
  const map = entry.sparse ? formatMap(entry.sparse, entry.size) : NO_BYTES;
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  const block = Buffer.alloc(BLOCK);
  if (entry.sparse) {
    records.text('GNU.sparse.major', '1');
    records.text('GNU.sparse.minor', '0');
    records.name('GNU.sparse.name', name);
    records.text('GNU.sparse.realsize', String(entry.size));
  }
  putName(block, name, records);
  put(block, FIELD.linkName, entry.linkName ?? '', 'linkpath', records);
  put(block, FIELD.userName, entry.userName, 'uname', records);
  put(block, FIELD.groupName, entry.groupName, 'gname', records);
  putOctal(block, FIELD.mode, entry.mode);
  putNumber(block, FIELD.uid, entry.uid, 'uid', records);
  putNumber(block, FIELD.gid, entry.gid, 'gid', records);
  putNumber(block, FIELD.size, map.length + storedSizeOf(entry), 'size', records);
  putTime(block, entry.mtime, records);
  putOctal(block, FIELD.major, entry.device?.major ?? 0);
  putOctal(block, FIELD.minor, entry.device?.minor ?? 0);
  for (const [key, value] of entry.xattrs ?? []) {
    records.add(Buffer.from(`SCHILY.xattr.`), encodeName(encodeXattrKey(key)), value);
  }
  finish(block, TYPEFLAGS[entry.type]);
  return Buffer.concat([records.header(), block, map]);
}

function check(entry: TarEntry): void {
  const refuse = (what: string): never => {
    throw new EngineError('InvalidArgument', `can't write tar member ${JSON.stringify(entry.name)}: ${what}`);
  };
  const { type } = entry;
  const link = type === 'symlink' || type === 'hardlink';
  if (entry.name === '') refuse('it has no name');
  for (const text of [entry.name, entry.linkName ?? '', entry.userName, entry.groupName]) {
    if (text.includes('\0')) refuse('a name with a NUL byte');
  }
  if (type !== 'directory' && entry.name.endsWith('/')) refuse('only a directory may end with a slash');
  if (link && !entry.linkName) refuse('a link needs a target');
  if (!link && entry.linkName) refuse(`a ${type} has no target`);
  for (const number of [entry.uid, entry.gid, entry.size]) {
    if (!Number.isSafeInteger(number) || number < 0) refuse(`${number} is no uid, gid or size`);
  }
  if (!Number.isInteger(entry.mode) || entry.mode < 0 || entry.mode > 0o7777) refuse(`mode ${entry.mode}`);
  if (type !== 'file' && (entry.size !== 0 || entry.sparse)) refuse(`a ${type} has no data`);
  if ((type === 'character' || type === 'block') !== (entry.device !== undefined)) {
    refuse('devices, and only they, need device numbers');
  }
  for (const number of [entry.device?.major ?? 0, entry.device?.minor ?? 0]) {
    if (!Number.isInteger(number) || number < 0 || number > 0o7777777) refuse(`device number ${number}`);
  }
  let end = 0;
  for (const run of entry.sparse ?? []) {
    if (run.length <= 0 || run.offset < end || run.offset + run.length > entry.size) refuse('sparse runs out of order');
    end = run.offset + run.length;
  }
}

/** Records of a pax header, written sorted by key so that equal entries have equal bytes. */
class Records {
  readonly #records: { key: Buffer; bytes: Buffer }[] = [];
  #binary = false;

  add(keyspace: Buffer, key: Buffer, value: Buffer): void {
    const whole = Buffer.concat([keyspace, key]);
    this.#records.push({ key: whole, bytes: formatRecord(whole, value) });
  }

  text(key: string, value: string): void {
    this.add(NO_BYTES, Buffer.from(key), Buffer.from(value));
  }

  /** A name that may be any bytes. */
  name(key: string, value: string): void {
    if (!value.isWellFormed()) this.#binary = true;
    this.add(NO_BYTES, Buffer.from(key), encodeName(value));
  }

  header(): Buffer {
    if (this.#records.length === 0) return NO_BYTES;
    this.#records.sort((a, b) => a.key.compare(b.key));
    const parts = this.#records.map((record) => record.bytes);
    // POSIX: says how to read the names, so it stands before them.
    if (this.#binary) parts.unshift(formatRecord(Buffer.from('hdrcharset'), Buffer.from('BINARY')));
    const body = Buffer.concat(parts);
    const block = Buffer.alloc(BLOCK);
    block.write('././@PaxHeader', FIELD.name[0], 'latin1');
    for (const field of [FIELD.mode, FIELD.uid, FIELD.gid, FIELD.mtime, FIELD.major, FIELD.minor])
      putOctal(block, field, 0);
    putOctal(block, FIELD.size, body.length);
    finish(block, 'x');
    return Buffer.concat([block, body, paddingOf(body.length)]);
  }
}

function putName(block: Buffer, name: string, records: Records): void {
  if (isAscii(name)) {
    if (name.length <= FIELD.name[1]) {
      block.write(name, FIELD.name[0], 'latin1');
      return;
    }
    // The latest slash that leaves at most 155 bytes before and 1 to 100 behind it.
    const slash = name.lastIndexOf('/', Math.min(FIELD.prefix[1], name.length - 2));
    if (slash > 0 && name.length - slash - 1 <= FIELD.name[1]) {
      block.write(name.slice(0, slash), FIELD.prefix[0], 'latin1');
      block.write(name.slice(slash + 1), FIELD.name[0], 'latin1');
      return;
    }
  }
  records.name('path', name);
  block.write(asciiOf(name).slice(0, FIELD.name[1]), FIELD.name[0], 'latin1');
}

/** Puts text where it fits, with a closing NUL that user names need, else into a record. */
function put(block: Buffer, [start, length]: Field, text: string, key: string, records: Records): void {
  const room = key === 'linkpath' ? length : length - 1;
  if (isAscii(text) && text.length <= room) block.write(text, start, 'latin1');
  else {
    records.name(key, text);
    block.write(asciiOf(text).slice(0, room), start, 'latin1');
  }
}

function putNumber(block: Buffer, field: Field, value: number, key: string, records: Records): void {
  if (fits(field, value)) putOctal(block, field, value);
  else {
    records.text(key, String(value));
    putOctal(block, field, 0);
  }
}

function putTime(block: Buffer, mtime: bigint, records: Records): void {
  const seconds = Number(mtime / NANOSECONDS);
  const whole = mtime >= 0n && fits(FIELD.mtime, seconds);
  putOctal(block, FIELD.mtime, whole ? seconds : 0);
  if (!whole || mtime % NANOSECONDS !== 0n) records.text('mtime', formatTime(mtime));
}

function fits([, length]: Field, value: number): boolean {
  return value < 8 ** (length - 1);
}

function putOctal(block: Buffer, [start, length]: Field, value: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), start, 'latin1');
}

function finish(block: Buffer, typeflag: string): void {
  block.write('ustar\x0000', FIELD.magic[0], 'latin1');
  block.write(typeflag, FIELD.typeflag[0], 'latin1');
  const [start, length] = FIELD.checksum;
  block.fill(0x20, start, start + length);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, start, 'latin1');
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is what is asked for
  return /^[\x01-\x7f]*$/.test(text);
}

function asciiOf(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is what is asked for
  return text.replace(/[^\x01-\x7f]/g, '_');
}
