import { EngineError, nearest } from '../std/index.ts';
import { type Flags, readFlags } from './flags.ts';
import { parseDuration } from './go-duration.ts';
import { type Heredoc, heredocMarker } from './heredoc.ts';
import {
  type ArgInstruction,
  type Assignment,
  type Command,
  type CopySource,
  type Instruction,
  KEYWORDS,
  type Keyword,
  type Source,
} from './instruction.ts';
import { skipSpace, skipWord, trim, trimEnd } from './space.ts';
import { parseExecForm, splitFields, splitFlags, splitWords } from './words.ts';

const STAGE_NAME = /^[a-z][a-z0-9\-_.]*$/;
/** docker's shortest interval of a health check, in nanoseconds. */
const SHORTEST_INTERVAL = 1e6;
const MAX_RETRIES = 2 ** 31 - 1;

/** A problem at an offset of the instruction's line; the file's parser knows which line and column that is. */
export class InstructionError extends EngineError {
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super('InvalidArgument', problem);
    this.offset = offset;
  }
}

/** What one instruction's line is read from. */
interface Reading {
  readonly source: Source;
  readonly line: string;
  readonly keyword: Keyword;
  readonly escapeCharacter: string;
  readonly heredocs: readonly Heredoc[];
  readonly flags: Flags;
  /** Where the arguments begin, behind keyword and flags. */
  readonly from: number;
}

/** Reads the instruction that begins at `from` in `source.text`. Throws {@link InstructionError}, or InvalidArgument without a place. */
export function parseInstruction(
  source: Source,
  { escapeCharacter, heredocs, from = 0 }: { escapeCharacter: string; heredocs: readonly Heredoc[]; from?: number },
): Instruction {
  const line = trimEnd(source.text);
  const begin = skipSpace(line, from);
  const end = skipWord(line, begin);
  const keyword = requireKeyword(line.slice(begin, end), begin);
  if (keyword === 'ONBUILD') return parseOnbuild(source, { line, escapeCharacter, heredocs, from: end });
  const { flags, rest } = splitFlags(line, end);
  return PARSERS[keyword]({
    source,
    line,
    keyword,
    escapeCharacter,
    heredocs,
    flags: readFlags(keyword, flags),
    from: rest,
  });
}

const PARSERS: Readonly<Record<Exclude<Keyword, 'ONBUILD'>, (reading: Reading) => Instruction>> = {
  FROM: parseFrom,
  ARG: parseArg,
  RUN: (reading) => {
    const { source, flags } = reading;
    const network = flags.text('network');
    const security = flags.text('security');
    return {
      kind: 'RUN',
      source,
      command: parseCommand(reading),
      mounts: flags.texts('mount'),
      ...(network !== undefined && { network }),
      ...(security !== undefined && { security }),
      devices: flags.texts('device'),
    };
  },
  CMD: (reading) => ({ kind: 'CMD', source: reading.source, command: parseCommand(reading) }),
  ENTRYPOINT: (reading) => ({ kind: 'ENTRYPOINT', source: reading.source, command: parseCommand(reading) }),
  SHELL: parseShell,
  ENV: parseAssignments,
  LABEL: parseAssignments,
  COPY: parseCopy,
  ADD: parseAdd,
  EXPOSE: (reading) => {
    const values = splitFields(reading.line, reading.from).map(({ text }) => text);
    if (values.length === 0) throw missing(reading, 'a port');
    return { kind: 'EXPOSE', source: reading.source, values, json: false };
  },
  VOLUME: (reading) => {
    const json = parseExecForm(reading.line.slice(reading.from));
    const values = json ?? splitFields(reading.line, reading.from).map(({ text }) => text);
    if (values.length === 0) throw missing(reading, 'a path');
    if (values.some((value) => trim(value) === '')) {
      throw new InstructionError('a volume has no empty path', reading.from);
    }
    return { kind: 'VOLUME', source: reading.source, values, json: json !== undefined };
  },
  USER: parseValue('USER', 'a user'),
  WORKDIR: parseValue('WORKDIR', 'a path'),
  STOPSIGNAL: parseValue('STOPSIGNAL', 'a signal'),
  MAINTAINER: parseValue('MAINTAINER', 'a name'),
  HEALTHCHECK: parseHealthcheck,
};

function requireKeyword(word: string, offset: number): Keyword {
  const upper = word.toUpperCase();
  const known = KEYWORDS.find((keyword) => keyword === upper);
  if (known) return known;
  const meant = nearest(upper, KEYWORDS);
  const shown = /^[\w-]+$/.test(word) ? word : JSON.stringify(word);
  throw new InstructionError(`unknown instruction: ${shown}${meant ? ` (did you mean ${meant}?)` : ''}`, offset);
}

function parseFrom({ source, line, flags, from }: Reading): Instruction {
  const fields = splitFields(line, from);
  const [base, as, name] = fields;
  if (base === undefined) throw new InstructionError('FROM needs an image: FROM IMAGE [AS NAME]', line.length);
  if (as !== undefined && (as.text.toLowerCase() !== 'as' || fields.length !== 3)) {
    throw new InstructionError('FROM takes an image, or an image, AS and a name', as.offset);
  }
  if (name !== undefined && !STAGE_NAME.test(name.text.toLowerCase())) {
    throw new InstructionError(
      `${JSON.stringify(name.text)} is no name for a stage: it starts with a letter and has letters, digits, "-", "_" and "."`,
      name.offset,
    );
  }
  const platform = flags.text('platform');
  return {
    kind: 'FROM',
    source,
    base: base.text,
    ...(platform !== undefined && { platform }),
    ...(as !== undefined && name !== undefined && { as: { keyword: as.text, name: name.text } }),
  };
}

function parseArg(reading: Reading): Instruction {
  const words = splitWords(reading.line, reading);
  if (words.length === 0) throw missing(reading, 'a name');
  const args = words.map(({ text, offset }): ArgInstruction['args'][number] => {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    if (name === '') throw new InstructionError('an ARG has no empty name', offset);
    return equals < 0 ? { name } : { name, value: text.slice(equals + 1) };
  });
  return { kind: 'ARG', source: reading.source, args };
}

function parseCommand({ line, from, heredocs }: Pick<Reading, 'line' | 'from' | 'heredocs'>): Command {
  const text = line.slice(from);
  const args = parseExecForm(text);
  return args ? { form: 'exec', args } : { form: 'shell', text, heredocs };
}

function parseShell({ source, line, from }: Reading): Instruction {
  const shell = parseExecForm(line.slice(from));
  if (!shell) throw new InstructionError('SHELL takes a JSON array: SHELL ["/bin/bash", "-c"]', from);
  if (shell.length === 0) throw new InstructionError('SHELL needs a program', from);
  return { kind: 'SHELL', source, shell };
}

/** `ENV a=b c=d`, or the old `ENV a b c`, whose value is all that follows the name. */
function parseAssignments(reading: Reading): Instruction {
  const { source, line, from, escapeCharacter } = reading;
  const kind = reading.keyword as 'ENV' | 'LABEL';
  const words = splitWords(line, { escapeCharacter, from });
  const [first] = words;
  if (first === undefined) throw missing(reading, 'a name and a value');
  if (!first.text.includes('=')) {
    const end = skipWord(line, from);
    if (end === line.length) throw new InstructionError(`${kind} needs a value: ${kind} ${first.text}=…`, end);
    const assignment = { name: line.slice(from, end), value: line.slice(skipSpace(line, end)) };
    return { kind, source, assignments: [assignment], legacy: true };
  }
  const assignments = words.map(({ text, offset }): Assignment => {
    const equals = text.indexOf('=');
    if (equals < 0) {
      throw new InstructionError(`${kind} takes NAME=VALUE pairs, and ${JSON.stringify(text)} has no "="`, offset);
    }
    if (equals === 0) throw new InstructionError(`${kind} has no empty name`, offset);
    return { name: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  return { kind, source, assignments, legacy: false };
}

function parseTransfer(reading: Reading): {
  sources: readonly CopySource[];
  destination: string;
  json: boolean;
  link: boolean;
  exclude: readonly string[];
  chown?: string;
  chmod?: string;
} {
  const { line, from, flags, heredocs, keyword } = reading;
  const array = parseExecForm(line.slice(from));
  const paths = array ?? splitFields(line, from).map(({ text }) => text);
  const destination = paths.at(-1);
  if (destination === undefined || paths.length < 2) {
    throw new InstructionError(
      `${keyword} needs a source and a destination: ${keyword} SOURCE… DESTINATION`,
      line.length,
    );
  }
  if (!array && heredocMarker(destination)) {
    throw new InstructionError(`${keyword} takes no heredoc as its destination`, line.lastIndexOf(destination));
  }
  const chown = flags.text('chown');
  const chmod = flags.text('chmod');
  const open = [...heredocs];
  const sources = paths.slice(0, -1).map((path): CopySource => {
    const heredoc = open[0]?.marker === path ? open.shift() : undefined;
    return heredoc ? { heredoc } : { path };
  });
  const [stray] = open;
  if (stray)
    throw new InstructionError(`${keyword} takes ${stray.marker} as a source of its own, without spaces`, from);
  return {
    sources,
    destination,
    json: array !== undefined,
    link: flags.switch('link') ?? false,
    exclude: flags.texts('exclude'),
    ...(chown !== undefined && { chown }),
    ...(chmod !== undefined && { chmod }),
  };
}

function parseCopy(reading: Reading): Instruction {
  const from = reading.flags.text('from');
  return {
    kind: 'COPY',
    source: reading.source,
    ...parseTransfer(reading),
    parents: reading.flags.switch('parents') ?? false,
    ...(from !== undefined && { from }),
  };
}

function parseAdd(reading: Reading): Instruction {
  const checksum = reading.flags.text('checksum');
  const unpack = reading.flags.switch('unpack');
  return {
    kind: 'ADD',
    source: reading.source,
    ...parseTransfer(reading),
    keepGitDir: reading.flags.switch('keep-git-dir') ?? false,
    ...(checksum !== undefined && { checksum }),
    ...(unpack !== undefined && { unpack }),
  };
}

function parseValue(
  kind: 'USER' | 'WORKDIR' | 'STOPSIGNAL' | 'MAINTAINER',
  what: string,
): (reading: Reading) => Instruction {
  return (reading) => {
    const value = reading.line.slice(reading.from);
    if (value === '') throw missing(reading, what);
    return { kind, source: reading.source, value };
  };
}

function parseHealthcheck(reading: Reading): Instruction {
  const { source, line, from, flags } = reading;
  const end = skipWord(line, from);
  const rest = skipSpace(line, end);
  const type = line.slice(from, end).toUpperCase();
  if (type === 'NONE') {
    if (rest < line.length) throw new InstructionError('HEALTHCHECK NONE takes nothing more', rest);
    return { kind: 'HEALTHCHECK', source };
  }
  if (type !== 'CMD') throw new InstructionError('HEALTHCHECK takes CMD and a command, or NONE', from);
  const command = parseCommand({ line, from: rest, heredocs: [] });
  if (command.form === 'exec' ? command.args.length === 0 : command.text === '') {
    throw new InstructionError('HEALTHCHECK CMD needs a command', line.length);
  }
  const retries = flags.text('retries');
  return {
    kind: 'HEALTHCHECK',
    source,
    command,
    ...interval(flags, 'interval', 'interval'),
    ...interval(flags, 'timeout', 'timeout'),
    ...interval(flags, 'start-period', 'startPeriod'),
    ...interval(flags, 'start-interval', 'startInterval'),
    ...(retries !== undefined && { retries: requireRetries(retries, flags.offset('retries')) }),
  };
}

function interval<Field extends string>(flags: Flags, name: string, field: Field): { [key in Field]?: number } {
  const text = flags.text(name);
  if (text === undefined) return {};
  const offset = flags.offset(name);
  let nanoseconds: number;
  try {
    nanoseconds = parseDuration(text);
  } catch (error) {
    throw new InstructionError(`--${name}: ${(error as EngineError).message}`, offset);
  }
  if (nanoseconds !== 0 && nanoseconds < SHORTEST_INTERVAL) {
    throw new InstructionError(`--${name} is at least 1ms, or 0`, offset);
  }
  return { [field]: nanoseconds } as { [key in Field]?: number };
}

function requireRetries(text: string, offset: number): number {
  const retries = /^\+?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(retries <= MAX_RETRIES))
    throw new InstructionError(`--retries is a count, not ${JSON.stringify(text)}`, offset);
  return retries;
}

function parseOnbuild(
  source: Source,
  {
    line,
    escapeCharacter,
    heredocs,
    from,
  }: { line: string; escapeCharacter: string; heredocs: readonly Heredoc[]; from: number },
): Instruction {
  const begin = skipSpace(line, from);
  if (begin === line.length) throw new InstructionError('ONBUILD needs an instruction', begin);
  const keyword = line.slice(begin, skipWord(line, begin)).toUpperCase();
  if (keyword === 'ONBUILD' || keyword === 'FROM' || keyword === 'MAINTAINER') {
    throw new InstructionError(`${keyword} cannot be triggered by ONBUILD`, begin);
  }
  const bodies = heredocs.map(({ content, name }) => `\n${content}${name}`).join('');
  return {
    kind: 'ONBUILD',
    source,
    expression: line.slice(begin) + bodies,
    trigger: parseInstruction(source, { escapeCharacter, heredocs, from: begin }),
  };
}

function missing({ keyword, line }: Reading, what: string): InstructionError {
  return new InstructionError(`${keyword} needs ${what}`, line.length);
}
