import { digestOf } from './digest.ts';
import type { Descriptor } from './types.ts';

/** Maps by free keys; Go prints those sorted, and everything else in its declared order. */
const MAPS = new Set(['annotations', 'Labels', 'ExposedPorts', 'Volumes']);

/**
 * A document's bytes as Go's encoding/json prints them, so that equal documents have equal digests whoever made them: no white space, maps
 * sorted by their keys' bytes, other fields in the order in which they stand, `<`, `>`, `&` and the line separators escaped.
 */
export function encodeDocument(value: object): Buffer {
  return Buffer.from(encodeValue(value, false));
}

/** The descriptor of a document that is held in memory. */
export function describe(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function encodeValue(value: unknown, isMap: boolean): string {
  if (Array.isArray(value)) return `[${value.map((item) => encodeValue(item, false)).join(',')}]`;
  if (typeof value === 'string') return encodeString(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (isMap) entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${entries.map(([key, item]) => `${encodeString(key)}:${encodeValue(item, MAPS.has(key) && !isMap)}`).join(',')}}`;
}

function encodeString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
