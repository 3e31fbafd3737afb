/**
 * What Go's `unicode.IsSpace` takes for white space; JavaScript's `\s` has the byte order mark and not U+0085, and a Dockerfile that builds
 * elsewhere has to split into the same words here.
 */
const SPACE = /[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

export function isSpace(character: string): boolean {
  return SPACE.test(character);
}

// Loops, not `/\s+$/`: a regular expression starts again at every space of a long run.

/** Where the text begins that follows the white space at `from`. */
export function skipSpace(text: string, from = 0): number {
  let at = from;
  while (at < text.length && isSpace(text[at] as string)) at++;
  return at;
}

/** Where the white space or the end is that follows `from`. */
export function skipWord(text: string, from = 0): number {
  let at = from;
  while (at < text.length && !isSpace(text[at] as string)) at++;
  return at;
}

export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

export function trim(text: string): string {
  return trimEnd(text.slice(skipSpace(text)));
}
