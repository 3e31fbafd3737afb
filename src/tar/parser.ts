import { decodeName, EngineError } from '../std/index.ts';
import type { TarEntry, TarPosition } from './entry.ts';
import { BLOCK, isZeroBlock, numberField, paddingLength } from './fields.ts';
import { type Header, readDevice, readHeader } from './header.ts';
import { malformed, tooMuch } from './malformed.ts';
import { type MemberParts, memberEntry, typeOf } from './member.ts';
import { checkPax, parsePax } from './pax.ts';
import { OLD_REAL_SIZE, parseRuns, readOldPairs, SparseMapReader } from './sparse.ts';

/** What {@link tarParser} finds, in the archive's order: `entry`, its `data` in pieces, `endEntry`. What these throw ends the parsing. */
export interface TarHandler {
  entry(entry: TarEntry, position: TarPosition): void;
  /** A view of the chunk that was written: valid as long as that is. */
  data(chunk: Uint8Array): void;
  endEntry(): void;
}

/** Bounds for archives of strangers; each has a default. */
export interface TarLimits {
  /** Members, global headers included: 10,000,000. */
  readonly entries?: number;
  /** Bytes of one pax header or GNU long name: 1 MiB. */
  readonly headerBytes?: number;
  /** Characters of a name or a link's target: 32,768. */
  readonly nameLength?: number;
  /** Runs of one sparse file: 262,144. */
  readonly sparseRuns?: number;
}

/** Takes an archive in chunks of any size. */
export interface TarParser {
  write(chunk: Uint8Array): void;
  /** The archive is over: `size` is all of it, what stood behind its end included. DataLoss where it is cut short. */
  end(): { size: number };
}

type State = 'header' | 'extension' | 'oldSparse' | 'sparseMap' | 'data' | 'padding' | 'zero' | 'trailer' | 'failed';

const DEFAULTS: Required<TarLimits> = {
  entries: 10_000_000,
  headerBytes: 1 << 20,
  nameLength: 32_768,
  sparseRuns: 1 << 18,
};
const NO_BYTES = Buffer.alloc(0);

/**
 * A synchronous push parser: v7, ustar, star, GNU and pax. It copies no data, takes names as bytes and never skips ahead to find
 * sense in nonsense. Where programs disagree it does as Go's archive/tar, by which every container engine reads its layers:
 * - pax records win over the header; global pax headers are checked and then ignored;
 * - directories, links, devices and fifos have no data whatever their size field says;
 * - one zero block, or the end of the input between members, ends an archive too; what follows the end is only counted.
 * It is stricter where Go's leniency hides things: extended headers that repeat, disagree, or belong to no member are errors, and
 * so are member types that engines refuse to unpack.
 */
export function tarParser(handler: TarHandler, limits: TarLimits = {}): TarParser {
  return new Parser(handler, { ...DEFAULTS, ...limits });
}

class Parser implements TarParser {
  readonly #handler: TarHandler;
  readonly #limits: Required<TarLimits>;
  #state: State = 'header';
  /** Of the next byte. */
  #offset = 0;
  /** Start of a block that a chunk's end cut. */
  readonly #stash = Buffer.allocUnsafe(BLOCK);
  #stashed = 0;
  /** Of data or of an extended header's body. */
  #left = 0;
  #padding = 0;
  #entries = 0;
  #parts: MemberParts | undefined;
  #body: Buffer = NO_BYTES;
  #filled = 0;
  #bodyType = '';
  #sparseNumbers: number[] = [];
  #sparseMap: SparseMapReader | undefined;
  #name: string | undefined;

  constructor(handler: TarHandler, limits: Required<TarLimits>) {
    this.#handler = handler;
    this.#limits = limits;
  }

  write(bytes: Uint8Array): void {
    if (this.#state === 'failed') throw new EngineError('InvalidArgument', 'tar parser was given more after an error');
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      for (let at = 0; at < chunk.length; ) at = this.#step(chunk, at);
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  end(): { size: number } {
    const state = this.#state;
    this.#state = 'failed';
    const between = this.#stashed === 0 && this.#parts === undefined;
    if (state === 'trailer' || (between && (state === 'header' || state === 'zero' || state === 'padding'))) {
      return { size: this.#offset };
    }
    if (state === 'failed') throw new EngineError('InvalidArgument', 'tar parser was ended after an error');
    const where = this.#name === undefined ? 'a header' : `member ${JSON.stringify(this.#name)}`;
    throw new EngineError('DataLoss', `tar is cut short at byte ${this.#offset}, within ${where}`);
  }

  /** Takes some of `chunk` from `at` on; returns where it stopped. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'data':
        return this.#takeData(chunk, at);
      case 'extension':
        return this.#takeBody(chunk, at);
      case 'padding':
        return this.#skipPadding(chunk, at);
      case 'trailer':
        this.#offset += chunk.length - at;
        return chunk.length;
      default:
        return this.#takeBlock(chunk, at);
    }
  }

  #takeData(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left);
    this.#handler.data(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end));
    this.#offset += end - at;
    this.#left -= end - at;
    if (this.#left === 0) this.#endEntry();
    return end;
  }

  #endEntry(): void {
    this.#state = this.#padding > 0 ? 'padding' : 'header';
    this.#name = undefined;
    this.#handler.endEntry();
  }

  #skipPadding(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#padding);
    this.#offset += end - at;
    this.#padding -= end - at;
    if (this.#padding === 0) this.#state = 'header';
    return end;
  }

  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#stashed === 0 && chunk.length - at >= BLOCK) {
      this.#block(chunk, at);
      this.#offset += BLOCK;
      return at + BLOCK;
    }
    const taken = Math.min(BLOCK - this.#stashed, chunk.length - at);
    chunk.copy(this.#stash, this.#stashed, at, at + taken);
    this.#stashed += taken;
    if (this.#stashed === BLOCK) {
      this.#stashed = 0;
      this.#offset -= BLOCK - taken;
      this.#block(this.#stash, 0);
      this.#offset += BLOCK - taken;
    }
    this.#offset += taken;
    return at + taken;
  }

  /** One whole block; `#offset` is where it begins. */
  #block(block: Buffer, at: number): void {
    switch (this.#state) {
      case 'oldSparse':
        this.#oldSparseBlock(block, at, { extension: true });
        return;
      case 'sparseMap':
        this.#sparseMapBlock(block, at);
        return;
      case 'zero':
        if (!isZeroBlock(block, at)) throw malformed('a header after a lone zero block', this.#offset);
        this.#state = 'trailer';
        return;
      default:
        this.#headerBlock(block, at);
    }
  }

  #headerBlock(block: Buffer, at: number): void {
    if (block[at] === 0 && isZeroBlock(block, at)) {
      if (this.#parts) throw malformed('extended header that belongs to no member', this.#parts.offset);
      this.#state = 'zero';
      return;
    }
    const header = readHeader(block, at, this.#offset);
    switch (header.typeflag) {
      case 'x':
      case 'g':
      case 'L':
      case 'K':
        this.#startExtension(header);
        return;
      default:
        this.#startMember(header, block, at);
    }
  }

  #startExtension(header: Header): void {
    const type = header.typeflag;
    const parts = this.#parts;
    if (parts && (type === 'g' || (type === 'x' && parts.pax) || (parts.longName !== undefined && type === 'L'))) {
      throw malformed(`extended header ${type} stands between another one and its member`, this.#offset);
    }
    if (parts?.longLink !== undefined && type === 'K') throw malformed('two long link names', this.#offset);
    if (header.size < 0) throw malformed(`extended header of ${header.size} bytes`, this.#offset);
    if (header.size > this.#limits.headerBytes) {
      throw tooMuch(`extended header of ${header.size} bytes, more than ${this.#limits.headerBytes}`, this.#offset);
    }
    if (type === 'g') this.#countEntry();
    else this.#parts ??= { offset: this.#offset };
    this.#bodyType = type;
    this.#left = header.size;
    this.#body = NO_BYTES;
    this.#padding = paddingLength(header.size);
    if (header.size > 0) this.#state = 'extension';
    else this.#applyBody(NO_BYTES);
  }

  #takeBody(chunk: Buffer, at: number): number {
    const taken = Math.min(chunk.length - at, this.#left);
    if (this.#body.length === 0 && taken === this.#left) {
      this.#applyBody(chunk.subarray(at, at + taken)); // whole in one chunk: read in place
    } else {
      if (this.#body.length === 0) {
        this.#body = Buffer.allocUnsafe(this.#left);
        this.#filled = 0;
      }
      this.#filled += chunk.copy(this.#body, this.#filled, at, at + taken);
      this.#left -= taken;
      if (this.#left === 0) this.#applyBody(this.#body);
    }
    this.#offset += taken;
    return at + taken;
  }

  #applyBody(body: Buffer): void {
    this.#state = this.#padding > 0 ? 'padding' : 'header';
    this.#left = 0;
    const parts = this.#parts;
    if (this.#bodyType === 'g') checkPax(body, this.#offset);
    else if (parts && this.#bodyType === 'x') parts.pax = parsePax(body, parts.offset);
    else if (parts && this.#bodyType === 'L') parts.longName = longText(body);
    else if (parts) parts.longLink = longText(body);
  }

  #startMember(header: Header, block: Buffer, at: number): void {
    this.#countEntry();
    this.#parts ??= { offset: this.#offset };
    const parts = this.#parts;
    parts.header = header;
    const type = typeOf(header, parts, this.#offset);
    if (type === 'character' || type === 'block') parts.device = readDevice(block, at, this.#offset);
    parts.storedSize = type === 'file' ? (parts.pax?.size ?? header.size) : 0;
    if (parts.storedSize < 0 || !Number.isSafeInteger(this.#offset + parts.storedSize + 2 * BLOCK)) {
      throw malformed(`size of ${parts.storedSize} bytes`, this.#offset, header.name);
    }
    this.#name = header.name;
    if (header.typeflag === 'S') {
      this.#sparseNumbers = [];
      parts.realSize = numberField(block, at, OLD_REAL_SIZE, this.#offset);
      this.#oldSparseBlock(block, at, { extension: false });
      return;
    }
    if (parts.pax?.sparse?.major === '1' && parts.pax.sparse.minor === '0') {
      if (type !== 'file') throw malformed('sparse map for what is no file', this.#offset, header.name);
      this.#sparseMap = new SparseMapReader(this.#offset, this.#limits.sparseRuns);
      this.#state = 'sparseMap';
      return;
    }
    this.#deliver(this.#offset + BLOCK);
  }

  #oldSparseBlock(block: Buffer, at: number, where: { extension: boolean }): void {
    const more = readOldPairs(block, at, this.#sparseNumbers, this.#offset, where);
    if (this.#sparseNumbers.length > 2 * this.#limits.sparseRuns) {
      throw tooMuch(`sparse map of more than ${this.#limits.sparseRuns} runs`, this.#offset, this.#name);
    }
    this.#state = 'oldSparse';
    if (more) return;
    const parts = this.#parts as MemberParts;
    parts.runs = parseRuns(this.#sparseNumbers, parts.realSize ?? 0, parts.storedSize ?? 0, parts.offset);
    this.#deliver(this.#offset + BLOCK);
  }

  #sparseMapBlock(block: Buffer, at: number): void {
    const map = this.#sparseMap as SparseMapReader;
    const parts = this.#parts as MemberParts;
    const numbers = map.take(block, at);
    if (map.length > (parts.storedSize ?? 0))
      throw malformed('sparse map longer than its member', parts.offset, this.#name);
    if (!numbers) return;
    parts.storedSize = (parts.storedSize ?? 0) - map.length;
    parts.realSize = parts.pax?.sparse?.realSize ?? 0;
    parts.runs = parseRuns(numbers, parts.realSize, parts.storedSize, parts.offset);
    this.#sparseMap = undefined;
    this.#deliver(this.#offset + BLOCK);
  }

  #deliver(dataOffset: number): void {
    const parts = this.#parts as MemberParts;
    const entry = memberEntry(parts, this.#limits.nameLength);
    const storedSize = parts.storedSize ?? 0;
    this.#parts = undefined;
    this.#left = storedSize;
    this.#padding = paddingLength(storedSize);
    this.#name = entry.name;
    this.#handler.entry(entry, { headerOffset: parts.offset, dataOffset, storedSize });
    if (storedSize > 0) this.#state = 'data';
    else this.#endEntry();
  }

  #countEntry(): void {
    this.#entries++;
    if (this.#entries > this.#limits.entries) {
      throw tooMuch(`more than ${this.#limits.entries} members`, this.#offset);
    }
  }
}

/** A GNU long name: up to its first NUL, as a header's own text. */
function longText(body: Buffer): string {
  const end = body.indexOf(0);
  return decodeName(end < 0 ? body : body.subarray(0, end));
}
