import { constants } from 'node:os';
import { EngineError } from '../std/index.ts';

const SIGRTMIN = 34;
const SIGRTMAX = 64;

/** A signal's number from `9`, `KILL`, `SIGKILL`, `RTMIN+3`, `SIGRTMAX-1`. */
export function parseSignal(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const number = /^\d+$/.test(name)
    ? Number(name)
    : (constants.signals[`SIG${name}` as NodeJS.Signals] ?? realTime(name));
  if (number !== undefined && number >= 1 && number <= SIGRTMAX) return number;
  throw new EngineError('InvalidArgument', `invalid signal ${JSON.stringify(text)}`);
}

function realTime(name: string): number | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!match) return undefined;
  const offset = match[3] === undefined ? 0 : Number(match[3]) * (match[2] === '-' ? -1 : 1);
  const number = (match[1] === 'MIN' ? SIGRTMIN : SIGRTMAX) + offset;
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
}
