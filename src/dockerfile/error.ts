import { EngineError } from '../std/index.ts';

/** Of a line that is shown: a generated Dockerfile may have one of megabytes. */
const SHOWN = 160;

/** What is wrong with a Dockerfile, and where. Lines and columns count from 1, columns in characters. */
export class DockerfileError extends EngineError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The line itself, as the file has it. */
  readonly text: string;
  /** What is wrong, without the place. */
  readonly problem: string;

  constructor(
    problem: string,
    { file, line, column, text, cause }: { file: string; line: number; column: number; text: string; cause?: unknown },
  ) {
    super('InvalidArgument', `${file}:${line}:${column}: ${problem}\n${excerpt(text, column)}`, {
      cause,
      details: { file, line, column },
    });
    this.file = file;
    this.line = line;
    this.column = column;
    this.text = text;
    this.problem = problem;
  }
}

/** The line with a caret below the column; a long line is cut to what is around it. */
function excerpt(text: string, column: number): string {
  const characters = [...text];
  const from = Math.max(0, Math.min(column - 1 - SHOWN / 2, characters.length - SHOWN));
  const shown = characters
    .slice(from, from + SHOWN)
    .map(printable)
    .join('');
  return `  ${shown}\n  ${' '.repeat(Math.max(0, column - 1 - from))}^`;
}

/** One column wide, whatever it is: a tab would move the caret, a control character the terminal. */
function printable(character: string): string {
  if (character === '\t') return ' ';
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character) ? '?' : character;
}
