import { EngineError } from '../std/index.ts';
import { CodeKind, HuffmanTable, KIND } from './huffman-table.ts';
import { CODE_LENGTH_ORDER, DISTANCES, FIXED_DISTANCES, FIXED_LENGTHS, LENGTHS, PLAIN } from './inflate-codes.ts';

/** How far back a stream may refer: RFC 1951, 2. */
const WINDOW = 32 * 1024;
const CAPACITY = 256 * 1024;
const LONGEST_MATCH = 258;
/** No symbol with its distance, read 16 bits at a time, takes more bytes. */
const SYMBOL_BYTES = 8;
/** More than the longest block header: 3 + 14 + 19 × 3 + 316 × 14 bits. */
const HEADER_BYTES = 600;
/** A match of fewer bytes is copied sooner by hand. */
const LONG = 24;

/** Why decoding paused: it needs input; its output is to be taken; a block has ended and another follows; the stream has ended. */
export type Pause = 'input' | 'output' | 'block' | 'end';

/**
 * Decodes DEFLATE (RFC 1951) in portions, and tells at the end of each block at which bit it stands: what node:zlib doesn't. Memory is bounded,
 * whatever the input. Whole bytes between two streams are read with {@link Inflate.bytes}. DataLoss for damaged input.
 */
export class Inflate {
  #input: Uint8Array = new Uint8Array(HEADER_BYTES);
  #position = 0;
  #end = 0;
  #isLast = false;
  /** Bytes that came before `#input`. */
  #before = 0;
  #hold = 0;
  #count = 0;

  readonly #output = Buffer.allocUnsafeSlow(WINDOW + CAPACITY);
  #at = 0;
  #taken = 0;

  readonly #lengths = new HuffmanTable(10, 288);
  readonly #distances = new HuffmanTable(8, 32);
  readonly #codeLengths = new HuffmanTable(7, 19);
  readonly #read = new Uint8Array(288 + 32);
  #state: 'header' | 'stored' | 'codes' | 'ended' = 'ended';
  #isFinal = false;
  #stored = 0;

  /** Where the next bit lies, in bits from the beginning of all input. */
  get bitPosition(): number {
    return (this.#before + this.#position) * 8 - this.#count;
  }

  /** Begins a stream at the next whole byte. */
  begin(): void {
    this.#align();
    this.#at = 0;
    this.#taken = 0;
    this.#state = 'header';
  }

  /** The next input, after all that went before; `isLast` says that there will be no more. */
  feed(chunk: Uint8Array, { isLast = false }: { readonly isLast?: boolean } = {}): void {
    this.#giveBack();
    const rest = this.#input.subarray(this.#position, this.#end);
    const input = Buffer.allocUnsafe(rest.length + chunk.length + HEADER_BYTES);
    input.set(rest, 0);
    input.set(chunk, rest.length);
    input.fill(0, rest.length + chunk.length);
    this.#before += this.#position;
    this.#input = input;
    this.#position = 0;
    this.#end = rest.length + chunk.length;
    this.#isLast = isLast;
  }

  /** Whole bytes that are there, from the next on, without those in which a block has begun. */
  bytes(): Uint8Array {
    this.#align();
    return this.#input.subarray(this.#position, this.#end);
  }

  skip(bytes: number): void {
    this.#align();
    this.#position += bytes;
  }

  /** What was decoded since the last call. */
  take(): Buffer {
    const bytes = Buffer.from(this.#output.subarray(this.#taken, this.#at));
    if (this.#at > CAPACITY) {
      this.#output.copyWithin(0, this.#at - WINDOW, this.#at);
      this.#at = WINDOW;
    }
    this.#taken = this.#at;
    return bytes;
  }

  /** Bytes that {@link take} would give. */
  get pending(): number {
    return this.#at - this.#taken;
  }

  /** What the stream may refer to from here on, a copy: its last 32 KiB. */
  window(): Buffer {
    return Buffer.from(this.#output.subarray(Math.max(0, this.#at - WINDOW), this.#at));
  }

  /** Decodes until something is to be done. */
  run(): Pause {
    for (;;) {
      const pause = this.#step();
      // The zeros behind the input decode to something too.
      if (this.#isLast && this.bitPosition > (this.#before + this.#end) * 8) throw cutShort();
      if (pause !== 'on') return pause;
    }
  }

  #step(): Pause | 'on' {
    switch (this.#state) {
      case 'header':
        if (!this.#isLast && this.#end - this.#position < HEADER_BYTES) return 'input';
        this.#blockHeader();
        return 'on';
      case 'stored':
        return this.#copyStored() ?? this.#endBlock();
      case 'codes':
        return this.#decode() ?? this.#endBlock();
      case 'ended':
        return 'end';
    }
  }

  #endBlock(): Pause {
    this.#state = this.#isFinal ? 'ended' : 'header';
    return this.#isFinal ? 'end' : 'block';
  }

  #blockHeader(): void {
    this.#isFinal = this.#bits(1) === 1;
    switch (this.#bits(2)) {
      case 0:
        this.#align();
        this.#stored = this.#bits(16);
        if (this.#bits(16) !== (~this.#stored & 0xffff)) throw damaged('lengths of a stored block disagree');
        this.#giveBack();
        this.#state = 'stored';
        return;
      case 1:
        this.#lengths.build(FIXED_LENGTHS, LENGTHS);
        this.#distances.build(FIXED_DISTANCES, DISTANCES);
        break;
      case 2:
        this.#readCodes();
        break;
      default:
        throw damaged('unknown kind of block');
    }
    this.#state = 'codes';
  }

  /** RFC 1951, 3.2.7. */
  #readCodes(): void {
    const lengths = this.#bits(5) + 257;
    const distances = this.#bits(5) + 1;
    if (lengths > 286 || distances > 30) throw damaged('too many codes');
    const read = this.#read;
    const order = read.subarray(0, 19).fill(0);
    for (let index = 0, count = this.#bits(4) + 4; index < count; index++)
      order[CODE_LENGTH_ORDER[index] as number] = this.#bits(3);
    this.#codeLengths.build(order, PLAIN);
    for (let at = 0; at < lengths + distances; ) {
      this.#refill();
      const entry = this.#codeLengths.entries[this.#hold & 0x7f] as number;
      if (entry === 0) throw damaged('unknown code');
      this.#drop(entry & 15);
      const symbol = entry >>> 10;
      if (symbol < 16) {
        read[at++] = symbol;
        continue;
      }
      if (symbol === 16 && at === 0) throw damaged('nothing to repeat');
      const value = symbol === 16 ? (read[at - 1] as number) : 0;
      const times = symbol === 16 ? 3 + this.#bits(2) : symbol === 17 ? 3 + this.#bits(3) : 11 + this.#bits(7);
      if (at + times > lengths + distances) throw damaged('repeats past the end');
      read.fill(value, at, at + times);
      at += times;
    }
    if (read[256] === 0) throw damaged('a block without an end');
    this.#lengths.build(read.subarray(0, lengths), LENGTHS, { mayBeEmpty: true });
    this.#distances.build(read.subarray(lengths, lengths + distances), DISTANCES, { mayBeEmpty: true });
  }

  /** Undefined at the end of the block. */
  #copyStored(): Pause | undefined {
    while (this.#stored > 0) {
      const room = this.#output.length - this.#at;
      if (room === 0) return 'output';
      const length = Math.min(this.#stored, room, this.#end - this.#position);
      if (length === 0) {
        if (this.#isLast) throw cutShort();
        return 'input';
      }
      this.#output.set(this.#input.subarray(this.#position, this.#position + length), this.#at);
      this.#position += length;
      this.#at += length;
      this.#stored -= length;
    }
    return undefined;
  }

  /** The hot loop: everything it uses is local. Undefined at the end of the block. */
  #decode(): Pause | undefined {
    const input = this.#input;
    const output = this.#output;
    const lengths = this.#lengths.entries;
    const distances = this.#distances.entries;
    const inputLimit = this.#isLast ? this.#end + SYMBOL_BYTES : this.#end - SYMBOL_BYTES;
    const outputLimit = output.length - LONGEST_MATCH;
    let position = this.#position;
    let hold = this.#hold;
    let count = this.#count;
    let at = this.#at;
    let pause: Pause | undefined;
    for (;;) {
      if (at > outputLimit) {
        pause = 'output';
        break;
      }
      if (position > inputLimit) {
        pause = 'input';
        break;
      }
      if (count < 16) {
        hold |= ((input[position] as number) | ((input[position + 1] as number) << 8)) << count;
        position += 2;
        count += 16;
      }
      let entry = lengths[hold & 0x3ff] as number;
      if ((entry & KIND) === CodeKind.subtable)
        entry = lengths[(entry >>> 10) + ((hold >>> 10) & ((1 << ((entry >>> 4) & 15)) - 1))] as number;
      hold >>>= entry & 15;
      count -= entry & 15;
      if ((entry & KIND) === CodeKind.literal) {
        if (entry === 0) throw damaged('unknown code');
        output[at++] = entry >>> 10;
        continue;
      }
      if ((entry & KIND) === CodeKind.end) break;
      if (count < 16) {
        hold |= ((input[position] as number) | ((input[position + 1] as number) << 8)) << count;
        position += 2;
        count += 16;
      }
      let extra = (entry >>> 4) & 15;
      const length = (entry >>> 10) + (hold & ((1 << extra) - 1));
      hold >>>= extra;
      count -= extra;
      if (count < 16) {
        hold |= ((input[position] as number) | ((input[position + 1] as number) << 8)) << count;
        position += 2;
        count += 16;
      }
      entry = distances[hold & 0xff] as number;
      if ((entry & KIND) === CodeKind.subtable)
        entry = distances[(entry >>> 10) + ((hold >>> 8) & ((1 << ((entry >>> 4) & 15)) - 1))] as number;
      if (entry === 0) throw damaged('unknown distance');
      hold >>>= entry & 15;
      count -= entry & 15;
      if (count < 16) {
        hold |= ((input[position] as number) | ((input[position + 1] as number) << 8)) << count;
        position += 2;
        count += 16;
      }
      extra = (entry >>> 4) & 15;
      const distance = (entry >>> 10) + (hold & ((1 << extra) - 1));
      hold >>>= extra;
      count -= extra;
      let from = at - distance;
      if (from < 0) throw damaged('a distance too far back');
      const until = at + length;
      if (length > LONG && distance >= length) {
        output.copyWithin(at, from, from + length);
        at = until;
      } else while (at < until) output[at++] = output[from++] as number;
    }
    this.#position = position;
    this.#hold = hold;
    this.#count = count;
    this.#at = at;
    if (pause === 'input' && this.#isLast) throw cutShort();
    return pause;
  }

  #bits(count: number): number {
    this.#refill();
    const value = this.#hold & ((1 << count) - 1);
    this.#drop(count);
    return value;
  }

  #refill(): void {
    while (this.#count < 16) {
      this.#hold |= (this.#input[this.#position++] as number) << this.#count;
      this.#count += 8;
    }
  }

  #drop(count: number): void {
    this.#hold >>>= count;
    this.#count -= count;
  }

  /** Goes to the next whole byte. */
  #align(): void {
    this.#drop(this.#count & 7);
    this.#giveBack();
  }

  /** Keeps less than a byte back from the input. */
  #giveBack(): void {
    this.#position -= this.#count >> 3;
    this.#count &= 7;
    this.#hold &= (1 << this.#count) - 1;
  }
}

export function damaged(how: string): EngineError {
  return new EngineError('DataLoss', `gzip stream is damaged: ${how}`);
}

export function cutShort(): EngineError {
  return new EngineError('DataLoss', 'gzip stream is cut short');
}
