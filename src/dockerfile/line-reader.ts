import type { LogicalLine } from './logical-line.ts';
import { isSpace, skipSpace, trim } from './space.ts';

/** The lines of a Dockerfile, read as instructions, or as they are inside a heredoc. */
export class LineReader {
  /** Without their line feeds; a carriage return before one is white space at an instruction's end and content in a heredoc. */
  readonly lines: readonly string[];
  readonly #escape: string;
  #next: number;

  constructor(lines: readonly string[], { escapeCharacter, from }: { escapeCharacter: string; from: number }) {
    this.lines = lines;
    this.#escape = escapeCharacter;
    this.#next = from;
  }

  /** The next instruction's line; undefined at the end of the file. */
  instruction(): LogicalLine | undefined {
    let comments: string[] = [];
    while (this.#next < this.lines.length) {
      const raw = this.lines[this.#next] as string;
      const start = skipSpace(raw);
      if (raw[start] === '#') {
        const comment = trim(raw.slice(start + 1));
        if (comment === '') comments = [];
        else comments.push(comment);
        this.#next++;
      } else if (start === raw.length) {
        comments = [];
        this.#next++;
      } else {
        const joined = this.#join(comments);
        if (joined.text !== '') return joined;
        comments = []; // nothing but continuation characters
      }
    }
    return undefined;
  }

  /** The next line as it is, for a heredoc's body. */
  raw(): { text: string; line: number } | undefined {
    const text = this.lines[this.#next];
    return text === undefined ? undefined : { text, line: ++this.#next };
  }

  #join(comments: readonly string[]): LogicalLine {
    const first = this.#next;
    const parts: string[] = [];
    const segments: { offset: number; line: number; column: number }[] = [];
    let length = 0;
    let emptyContinuation = false;
    for (let open = true; open && this.#next < this.lines.length; ) {
      const raw = this.lines[this.#next] as string;
      const at = this.#next++;
      const begin = skipSpace(raw);
      if (at > first && raw[begin] === '#') continue;
      if (at > first && begin === raw.length) {
        emptyContinuation = true;
        continue;
      }
      // What stands before the first line means nothing; on a continued one it is part of a shell's script.
      const from = at === first ? begin : 0;
      const end = this.#continuation(raw);
      open = end !== undefined;
      const part = raw.slice(from, end);
      segments.push({ offset: length, line: at + 1, column: from + 1 });
      parts.push(part);
      length += part.length;
    }
    const text = parts.join('');
    return {
      text: isBlank(text) ? '' : text,
      line: first + 1,
      endLine: this.#next,
      segments,
      comments,
      emptyContinuation,
    };
  }

  /** Where a continuation character ends the line, if one does; escaped by another it is text. */
  #continuation(raw: string): number | undefined {
    let end = raw.length;
    while (
      end > 0 &&
      (raw[end - 1] === ' ' || raw[end - 1] === '\t' || (raw[end - 1] === '\r' && end === raw.length))
    ) {
      end--;
    }
    return raw[end - 1] === this.#escape && raw[end - 2] !== this.#escape ? end - 1 : undefined;
  }
}

function isBlank(text: string): boolean {
  for (const character of text) if (!isSpace(character)) return false;
  return true;
}
