import { EngineError } from '../std/index.ts';

/** What a code means, in two bits of a table's entry. */
export const CodeKind: Readonly<Record<'literal' | 'base' | 'end' | 'subtable', number>> = {
  literal: 0,
  base: 1 << 8,
  end: 2 << 8,
  subtable: 3 << 8,
};
export const KIND: number = 3 << 8;

const LONGEST = 15;

/**
 * A Huffman code as a table that is looked up with the next bits of the stream (RFC 1951, 3.2.2), those codes that are longer than `rootBits`
 * by a second table. An entry: bits of the code in the lowest four, extra bits that follow it (for a second table: the bits that it is looked
 * up with) in the next four, its {@link CodeKind}, and from bit 10 on the literal, the base of a length or a distance, or where the second
 * table begins. No code has the entry 0.
 */
export class HuffmanTable {
  readonly entries: Uint32Array;
  readonly rootBits: number;
  readonly #counts = new Uint16Array(LONGEST + 1);
  readonly #next = new Uint16Array(LONGEST + 2);
  readonly #codes: Uint16Array;
  /** For each first table's place how long the longest code below it is. */
  readonly #depth: Uint8Array;

  constructor(rootBits: number, symbols: number) {
    this.rootBits = rootBits;
    this.entries = new Uint32Array((1 << rootBits) + (symbols << (LONGEST - rootBits))); // each long code in a second table of its own
    this.#codes = new Uint16Array(symbols);
    this.#depth = new Uint8Array(1 << rootBits);
  }

  /**
   * Makes the table for codes of `lengths` bits; `meanings` has each symbol's entry but for the length. DataLoss for what is no code, as zlib
   * judges: one that is incomplete is taken only as a single code of one bit, or of none where `mayBeEmpty`.
   */
  build(
    lengths: Uint8Array,
    meanings: Uint32Array,
    { mayBeEmpty = false }: { readonly mayBeEmpty?: boolean } = {},
  ): void {
    const { entries, rootBits } = this;
    const longest = this.#count(lengths, mayBeEmpty);
    entries.fill(0, 0, 1 << rootBits);
    this.#depth.fill(0);
    if (longest > rootBits) this.#measure(lengths);
    let used = 1 << rootBits;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      if (length === 0) continue;
      const meaning = meanings[symbol] as number;
      const entry = meaning === 0xffffffff ? 0 : meaning | length;
      const code = length > rootBits ? (this.#codes[symbol] as number) : this.#take(length);
      if (length <= rootBits) {
        for (let at = code; at < 1 << rootBits; at += 1 << length) entries[at] = entry;
        continue;
      }
      const place = code & ((1 << rootBits) - 1);
      const bits = (this.#depth[place] as number) - rootBits;
      if (entries[place] === 0) {
        entries[place] = (used << 10) | CodeKind.subtable | (bits << 4);
        entries.fill(0, used, used + (1 << bits));
        used += 1 << bits;
      }
      const table = (entries[place] as number) >>> 10;
      for (let at = code >>> rootBits; at < 1 << bits; at += 1 << (length - rootBits)) entries[table + at] = entry;
    }
  }

  /** The longest length; prepares the first code of each. */
  #count(lengths: Uint8Array, mayBeEmpty: boolean): number {
    const counts = this.#counts.fill(0);
    for (const length of lengths) counts[length] = (counts[length] as number) + 1;
    counts[0] = 0;
    let longest = LONGEST;
    while (longest > 0 && counts[longest] === 0) longest--;
    let left = 1;
    let code = 0;
    for (let length = 1; length <= LONGEST; length++) {
      left = (left << 1) - (counts[length] as number);
      if (left < 0) throw badCode('over-subscribed');
      code = (code + (counts[length - 1] as number)) << 1;
      this.#next[length] = code;
    }
    const isAllowed = longest === 0 ? mayBeEmpty : longest === 1 && mayBeEmpty;
    if (left > 0 && !isAllowed) throw badCode('incomplete');
    return longest;
  }

  /** Gives codes to the long ones and notes how deep they go; the short ones take theirs while the table is filled. */
  #measure(lengths: Uint8Array): void {
    const mask = (1 << this.rootBits) - 1;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      if (length <= this.rootBits) continue;
      const code = this.#take(length);
      this.#codes[symbol] = code;
      if ((this.#depth[code & mask] as number) < length) this.#depth[code & mask] = length;
    }
  }

  /** The next code of that length, its first bit lowest as the stream has it. */
  #take(length: number): number {
    let code = this.#next[length] as number;
    this.#next[length] = code + 1;
    let reversed = 0;
    for (let bit = 0; bit < length; bit++) {
      reversed = (reversed << 1) | (code & 1);
      code >>>= 1;
    }
    return reversed;
  }
}

function badCode(how: string): EngineError {
  return new EngineError('DataLoss', `gzip stream is damaged: ${how} code`);
}
