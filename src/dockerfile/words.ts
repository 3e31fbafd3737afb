import { EngineError } from '../std/index.ts';
import { isSpace, skipSpace, skipWord, trim } from './space.ts';

/** A part of a line and where it begins. */
export interface Word {
  readonly text: string;
  readonly offset: number;
}

/** Splits at white space. */
export function splitFields(line: string, from = 0): Word[] {
  const fields: Word[] = [];
  for (let at = skipSpace(line, from); at < line.length; ) {
    const end = skipWord(line, at);
    fields.push({ text: line.slice(at, end), offset: at });
    at = skipSpace(line, end);
  }
  return fields;
}

/** Splits at white space that is neither quoted nor escaped; quotes and escapes stay, for {@link expand} to take. */
export function splitWords(
  line: string,
  { escapeCharacter, from = 0 }: { escapeCharacter: string; from?: number },
): Word[] {
  const words: Word[] = [];
  for (let at = skipSpace(line, from); at < line.length; at = skipSpace(line, at)) {
    const offset = at;
    let quote = '';
    let text = '';
    for (; at < line.length; at++) {
      const character = line[at] as string;
      if (quote === '' && isSpace(character)) break;
      if (character === escapeCharacter && quote !== "'") {
        if (at + 1 === line.length) continue; // at the end it escapes nothing
        text += character + line[++at];
        continue;
      }
      if (quote === '' && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = '';
      text += character;
    }
    words.push({ text, offset });
  }
  return words;
}

/** Takes the flags, which are the words at the beginning that start with `--`; their quotes and backslashes go. A bare `--` ends them. */
export function splitFlags(line: string, from: number): { flags: Word[]; rest: number } {
  const flags: Word[] = [];
  let at = skipSpace(line, from);
  while (line.startsWith('--', at)) {
    const offset = at;
    let quote = '';
    let text = '';
    for (; at < line.length; at++) {
      const character = line[at] as string;
      if (quote === '' && isSpace(character)) break;
      if (character === '\\') {
        if (at + 1 < line.length) text += line[++at];
      } else if (quote === '' && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = '';
      else text += character;
    }
    const ended = text === '--';
    if (!ended) flags.push({ text, offset });
    at = skipSpace(line, at);
    if (ended) break;
  }
  return { flags, rest: at };
}

/** The strings of a JSON array; undefined where the text is none, and then it is a shell's. Throws where it holds anything but strings. */
export function parseExecForm(text: string): string[] | undefined {
  const trimmed = trim(text);
  if (!trimmed.startsWith('[')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(trimmed);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (value.some((item) => typeof item !== 'string')) {
    throw new EngineError('InvalidArgument', 'a JSON array takes strings only here');
  }
  return value as string[];
}
