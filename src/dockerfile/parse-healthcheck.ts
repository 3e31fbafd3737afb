import type { EngineError } from '../std/index.ts';
import type { Flags } from './flags.ts';
import { parseDuration } from './go-duration.ts';
import type { Instruction } from './instruction.ts';
import { InstructionError, parseCommand, type Reading } from './reading.ts';
import { skipSpace, skipWord } from './space.ts';

/** docker's shortest interval of a health check, in nanoseconds. */
const SHORTEST_INTERVAL = 1e6;
const MAX_RETRIES = 2 ** 31 - 1;

export function parseHealthcheck(reading: Reading): Instruction {
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
