import { nearest } from '../std/index.ts';
import { readFlags } from './flags.ts';
import type { Heredoc } from './heredoc.ts';
import {
  type ArgInstruction,
  type Assignment,
  type Instruction,
  KEYWORDS,
  type Keyword,
  type Source,
} from './instruction.ts';
import { parseHealthcheck } from './parse-healthcheck.ts';
import { parseAdd, parseCopy } from './parse-transfer.ts';
import { InstructionError, missing, parseCommand, type Reading } from './reading.ts';
import { skipSpace, skipWord, trim, trimEnd } from './space.ts';
import { parseExecForm, splitFields, splitFlags, splitWords } from './words.ts';

const STAGE_NAME = /^[a-z][a-z0-9\-_.]*$/;

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
