import { EngineError } from '../std/index.ts';
import { DockerfileError } from './error.ts';
import { FlagError } from './flags.ts';
import { type Heredoc, readHeredocs } from './heredoc.ts';
import type { Directive, Dockerfile, Instruction, Source } from './instruction.ts';
import { LineReader } from './line-reader.ts';
import { type LogicalLine, positionAt } from './logical-line.ts';
import { parseInstruction } from './parse-instruction.ts';
import { InstructionError } from './reading.ts';
import { skipSpace, skipWord, trim } from './space.ts';

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=(.*)$/;
const DIRECTIVES: ReadonlySet<string> = new Set(['syntax', 'escape', 'check']);
const HOLD_HEREDOCS: ReadonlySet<string> = new Set(['ADD', 'COPY', 'RUN', 'ONBUILD']);
/** Far beyond any real one; what comes over the network is bounded here. */
const MAX_SIZE = 16 << 20;

/**
 * Reads a Dockerfile: Dockerfile reference, "Format". Variables are not replaced: what they are is known stage by stage.
 * Throws {@link DockerfileError}.
 */
export function parseDockerfile(text: string, { file = 'Dockerfile' }: { file?: string } = {}): Dockerfile {
  if (text.length > MAX_SIZE) {
    throw new EngineError('ResourceExhausted', `${file} has ${text.length} characters, at most ${MAX_SIZE} are read`);
  }
  const lines = linesOf(text);
  const { directives, escapeCharacter, from } = readDirectives(lines, file);
  const reader = new LineReader(lines, { escapeCharacter, from });
  const instructions: Instruction[] = [];
  for (let line = reader.instruction(); line; line = reader.instruction()) {
    instructions.push(readInstruction(line, reader, { file, escapeCharacter }));
  }
  const dockerfile = { file, directives, escapeCharacter, instructions, lines };
  requireOrder(dockerfile);
  return dockerfile;
}

/** Reads one instruction on its own, as an image's config keeps those of ONBUILD; heredocs follow it. Throws {@link DockerfileError}. */
export function parseTrigger(expression: string, { file = 'ONBUILD' }: { file?: string } = {}): Instruction {
  const reader = new LineReader(linesOf(expression), { escapeCharacter: '\\', from: 0 });
  const line = reader.instruction();
  if (!line) throw new DockerfileError('an empty instruction', { file, line: 1, column: 1, text: expression });
  return readInstruction(line, reader, { file, escapeCharacter: '\\' });
}

/** An error at an instruction of `dockerfile`, for what is only known when it is built. */
export function errorAt(
  dockerfile: Dockerfile,
  { source }: Instruction,
  problem: string,
  cause?: unknown,
): DockerfileError {
  const text = dockerfile.lines[source.line - 1] ?? source.text;
  const column = skipSpace(text) + 1;
  return new DockerfileError(problem, { file: dockerfile.file, line: source.line, column, text, cause });
}

function linesOf(text: string): string[] {
  const lines = (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function readInstruction(
  line: LogicalLine,
  reader: LineReader,
  { file, escapeCharacter }: { file: string; escapeCharacter: string },
): Instruction {
  const begin = skipSpace(line.text);
  const keyword = line.text.slice(begin, skipWord(line.text, begin));
  try {
    const heredocs: Heredoc[] = holdsHeredocs(line.text, begin) ? readHeredocs(line.text, reader) : [];
    const source: Source = {
      line: line.line,
      endLine: line.endLine + heredocs.reduce((sum, { content }) => sum + countLines(content) + 1, 0),
      text: trim(line.text),
      keyword,
      comments: line.comments,
      emptyContinuation: line.emptyContinuation,
    };
    return parseInstruction(source, { escapeCharacter, heredocs });
  } catch (error) {
    throw placed(error, line, { file, lines: reader.lines, begin });
  }
}

function holdsHeredocs(text: string, begin: number): boolean {
  const first = text.slice(begin, skipWord(text, begin)).toUpperCase();
  return HOLD_HEREDOCS.has(first);
}

function countLines(content: string): number {
  let count = 0;
  for (let at = content.indexOf('\n'); at >= 0; at = content.indexOf('\n', at + 1)) count++;
  return count;
}

function placed(
  error: unknown,
  line: LogicalLine,
  { file, lines, begin }: { file: string; lines: readonly string[]; begin: number },
): unknown {
  if (!(error instanceof EngineError) || error instanceof DockerfileError) return error;
  const own = error instanceof InstructionError || error instanceof FlagError ? error.offset : 0;
  const at = positionAt(line, begin + own);
  const text = lines[at.line - 1] as string;
  // Characters, not UTF-16 units.
  const column = [...text.slice(0, at.column - 1)].length + 1;
  return new DockerfileError(error.message, { file, line: at.line, column, text, cause: error.cause });
}

/** Reference, "Parser directives": only above everything else, each once; one that is not known is a comment and ends them. */
function readDirectives(
  lines: readonly string[],
  file: string,
): { directives: Directive[]; escapeCharacter: '\\' | '`'; from: number } {
  const directives: Directive[] = [];
  let escapeCharacter: '\\' | '`' = '\\';
  let at = 0;
  for (; at < lines.length; at++) {
    const text = lines[at] as string;
    const match = DIRECTIVE.exec(trim(text));
    const name = match?.[1]?.toLowerCase();
    const value = trim(match?.[2] ?? '');
    if (name === undefined || !DIRECTIVES.has(name) || value === '') break;
    const fail = (problem: string): DockerfileError =>
      new DockerfileError(problem, { file, line: at + 1, column: skipSpace(text) + 1, text });
    if (directives.some((directive) => directive.name === name)) throw fail(`the directive ${name} is given twice`);
    if (name === 'escape') {
      if (value !== '\\' && value !== '`') throw fail(`the escape character is \\ or \`, not ${JSON.stringify(value)}`);
      escapeCharacter = value;
    }
    directives.push({ name: name as Directive['name'], value, line: at + 1 });
  }
  return { directives, escapeCharacter, from: at };
}

/** FROM comes first; only ARG may stand above it. */
function requireOrder(dockerfile: Dockerfile): void {
  const { file, instructions, lines } = dockerfile;
  const first = instructions.find(({ kind }) => kind !== 'ARG');
  if (first === undefined) {
    const problem = instructions.length === 0 ? 'the file has no instructions' : 'the file has no FROM';
    const line = Math.max(1, lines.length);
    throw new DockerfileError(problem, { file, line, column: 1, text: lines[line - 1] ?? '' });
  }
  if (first.kind !== 'FROM') {
    throw errorAt(dockerfile, first, `no build stage yet: a FROM has to come before ${first.kind}`);
  }
}
