/**
 * Names and messages that come from images, registries and containers may hold control characters: sequences that move the cursor, retitle
 * the window, or reorder what is read. A terminal gets them as visible replacements; files and pipes get what there is.
 */
export function printable(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_EACH, '\ufffd') : text;
}

// C0 but tab and newline, DEL, C1, line and paragraph separators, bidirectional overrides and isolates (CVE-2021-42574).
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const UNSAFE_EACH = new RegExp(UNSAFE, 'g');
