import { EngineError } from '../std/index.ts';

const MAX_DEPTH = 32;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON that every reader understands alike: valid UTF-8, no byte-order mark, no key twice in an object, no deeper than 32. Parsers differ
 * on which of two equal keys counts, which is how one document shows two faces (CVE-2021-41190). `what` names it in errors.
 */
export function parseStrictJson(bytes: Uint8Array, what: string): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new EngineError('InvalidArgument', `${what} is not valid UTF-8`);
  }
  checkDepth(text, what); // first: JSON.parse has a stack of its own to overflow
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new EngineError('InvalidArgument', `${what} is not valid JSON: ${(error as Error).message}`);
  }
  checkKeys(text, what);
  return value;
}

function checkDepth(text: string, what: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) at = endOfString(text, at);
    else if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      depth += 1;
      if (depth > MAX_DEPTH) throw new EngineError('InvalidArgument', `${what} is nested deeper than ${MAX_DEPTH}`);
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) depth -= 1;
  }
}

/** Walks text that is known to be valid JSON: a string before a colon is a key. */
function checkKeys(text: string, what: string): void {
  const scopes: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === OPEN_OBJECT) scopes.push(new Set());
    else if (character === OPEN_ARRAY) scopes.push(undefined);
    else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) scopes.pop();
    else if (character === QUOTE) {
      const end = endOfString(text, at);
      const keys = scopes.at(-1);
      if (keys && isBeforeColon(text, end + 1)) {
        const key = JSON.parse(text.slice(at, end + 1)) as string;
        if (keys.has(key)) throw new EngineError('InvalidArgument', `${what} has the key ${JSON.stringify(key)} twice`);
        keys.add(key);
      }
      at = end;
    }
  }
}

/** Index of the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text.charCodeAt(end) !== QUOTE) end += text.charCodeAt(end) === BACKSLASH ? 2 : 1;
  return end;
}

function isBeforeColon(text: string, from: number): boolean {
  let at = from;
  while (' \t\r\n'.includes(text.charAt(at)) && at < text.length) at += 1;
  return text.charAt(at) === ':';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
