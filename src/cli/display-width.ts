/** How many terminal columns `text` takes: two for East Asian wide and full-width characters and emoji, none for combining marks. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter().segment(text)) width += widthOf(segment);
  return width;
}

/** The longest beginning of `text` that fits into `columns`. */
export function fitWidth(text: string, columns: number): string {
  if (PLAIN.test(text)) return text.slice(0, Math.max(columns, 0));
  let width = 0;
  let fitting = '';
  for (const { segment } of segmenter().segment(text)) {
    width += widthOf(segment);
    if (width > columns) break;
    fitting += segment;
  }
  return fitting;
}

const PLAIN = /^[ -~]*$/;
const ZERO = /^(?:\p{Mark}|\p{Default_Ignorable_Code_Point}|\p{Control})+$/u;
const EMOJI = /^\p{Emoji_Presentation}|\ufe0f/u;

let cached: Intl.Segmenter | undefined;
function segmenter(): Intl.Segmenter {
  cached ??= new Intl.Segmenter('und', { granularity: 'grapheme' });
  return cached;
}

/** Columns of one grapheme: those of its base character. */
function widthOf(grapheme: string): number {
  if (ZERO.test(grapheme)) return 0;
  if (EMOJI.test(grapheme)) return 2;
  return isWide(grapheme.codePointAt(0) as number) ? 2 : 1;
}

/** Ranges of East_Asian_Width W and F (Unicode 16, EastAsianWidth.txt), neighbours joined; emoji are told apart above. */
const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4dc0, 0x4dff],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18d08],
  [0x1aff0, 0x1b2fb],
  [0x1d300, 0x1d376],
  [0x20000, 0x3fffd],
];

function isWide(code: number): boolean {
  return code >= 0x1100 && WIDE.some(([first, last]) => code >= first && code <= last);
}
