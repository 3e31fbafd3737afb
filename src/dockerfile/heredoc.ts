import { EngineError } from '../std/index.ts';
import { expand } from './expand.ts';
import type { LineReader } from './line-reader.ts';

const MARKER = /^(\d*)<<(-?)([^<]+)$/;
const NOTHING: ReadonlyMap<string, string> = new Map();

/** A text that stands below its instruction: `<<EOF`. */
export interface Heredoc {
  /** The word that ends it. */
  readonly name: string;
  /** As it stands in the file, each line with its line feed. {@link heredocText} is what it means. */
  readonly content: string;
  /** Whether variables are replaced (by us for COPY and ADD, by the shell for RUN): no part of the word was quoted. */
  readonly expand: boolean;
  /** `<<-`: leading tabs go, from the lines and from what ends them. */
  readonly chomp: boolean;
  /** The word that opened it, as written. */
  readonly marker: string;
}

type Marker = Omit<Heredoc, 'content'>;

/** The heredocs that an instruction's line opens, with their bodies read from `reader`. Throws InvalidArgument. */
export function readHeredocs(line: string, reader: LineReader): Heredoc[] {
  if (!line.includes('<<')) return [];
  return markersOf(line).map((marker) => ({ ...marker, content: readBody(marker, reader) }));
}

/** The heredoc that a word opens, if it is such a word. */
export function heredocMarker(word: string): Marker | undefined {
  const match = MARKER.exec(word);
  if (!match) return undefined;
  const rest = match[3] as string;
  const plain = expand(rest, NOTHING, { keepUnset: true }).words;
  const [name] = plain;
  if (plain.length !== 1 || name === undefined) return undefined;
  const [raw = ''] = expand(rest, NOTHING, { keepUnset: true, keepQuotes: true, keepEscapes: true }).words;
  return { name, expand: quotesIn(raw) === quotesIn(name), chomp: match[2] === '-', marker: word };
}

/** What a heredoc says, its tabs taken away where it asks for that. */
export function heredocText({ content, chomp }: Heredoc): string {
  return chomp ? content.replaceAll(/^\t+/gm, '') : content;
}

function markersOf(line: string): Marker[] {
  const { words } = expand(line, NOTHING, { keepUnset: true, keepQuotes: true, keepEscapes: true });
  return words.map(heredocMarker).filter((marker) => marker !== undefined);
}

function readBody({ name, chomp }: Marker, reader: LineReader): string {
  const lines: string[] = [];
  for (let next = reader.raw(); next; next = reader.raw()) {
    const { text } = next;
    const bare = text.endsWith('\r') ? text.slice(0, -1) : text;
    if ((chomp ? bare.replace(/^\t+/, '') : bare) === name) return lines.join('');
    lines.push(`${text}\n`);
  }
  throw new EngineError('InvalidArgument', `the heredoc is not closed; a line ${JSON.stringify(name)} has to end it`);
}

function quotesIn(text: string): number {
  let count = 0;
  for (const character of text) if (character === "'" || character === '"') count++;
  return count;
}
