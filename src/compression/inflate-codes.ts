import { CodeKind } from './huffman-table.ts';

/** In a table of meanings: a symbol that takes part in the code but means nothing. */
const NOTHING = 0xffffffff;

/** RFC 1951, 3.2.7. */
export const CODE_LENGTH_ORDER: Uint8Array = Uint8Array.of(
  ...[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15],
);

/** What the codes of code lengths mean: their own number. */
export const PLAIN: Uint32Array = Uint32Array.from({ length: 19 }, (_, symbol) => symbol << 10);

/** RFC 1951, 3.2.5: literals, the end of a block, lengths from 3 to 258. */
export const LENGTHS: Uint32Array = Uint32Array.from({ length: 288 }, (_, symbol) => {
  if (symbol < 256) return symbol << 10;
  if (symbol === 256) return CodeKind.end;
  if (symbol > 285) return NOTHING;
  if (symbol === 285) return (258 << 10) | CodeKind.base;
  const step = symbol - 257;
  const extra = step < 8 ? 0 : (step >> 2) - 1;
  const base = step < 8 ? step + 3 : 3 + ((4 + (step & 3)) << extra);
  return (base << 10) | CodeKind.base | (extra << 4);
});

/** RFC 1951, 3.2.5: distances from 1 to 32,768. */
export const DISTANCES: Uint32Array = Uint32Array.from({ length: 32 }, (_, symbol) => {
  if (symbol > 29) return NOTHING;
  const extra = symbol < 4 ? 0 : (symbol >> 1) - 1;
  const base = symbol < 4 ? symbol + 1 : 1 + ((2 + (symbol & 1)) << extra);
  return (base << 10) | CodeKind.base | (extra << 4);
});

/** RFC 1951, 3.2.6. */
export const FIXED_LENGTHS: Uint8Array = Uint8Array.from({ length: 288 }, (_, symbol) =>
  symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
);
export const FIXED_DISTANCES: Uint8Array = new Uint8Array(32).fill(5);
