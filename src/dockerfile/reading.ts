import { EngineError } from '../std/index.ts';
import type { Flags } from './flags.ts';
import type { Heredoc } from './heredoc.ts';
import type { Command, Keyword, Source } from './instruction.ts';
import { parseExecForm } from './words.ts';

/** A problem at an offset of the instruction's line; the file's parser knows which line and column that is. */
export class InstructionError extends EngineError {
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super('InvalidArgument', problem);
    this.offset = offset;
  }
}

/** What one instruction's line is read from. */
export interface Reading {
  readonly source: Source;
  readonly line: string;
  readonly keyword: Keyword;
  readonly escapeCharacter: string;
  readonly heredocs: readonly Heredoc[];
  readonly flags: Flags;
  /** Where the arguments begin, behind keyword and flags. */
  readonly from: number;
}

/** What RUN, CMD and their like take: a JSON array, or else a shell's line. */
export function parseCommand({ line, from, heredocs }: Pick<Reading, 'line' | 'from' | 'heredocs'>): Command {
  const text = line.slice(from);
  const args = parseExecForm(text);
  return args ? { form: 'exec', args } : { form: 'shell', text, heredocs };
}

export function missing({ keyword, line }: Reading, what: string): InstructionError {
  return new InstructionError(`${keyword} needs ${what}`, line.length);
}
