import { EngineError } from '../std/index.ts';

/** Go's `time.ParseDuration`: nanoseconds of each unit. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5, the micro sign
  μs: 1e3, // U+03BC, the letter mu
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** `1h30m`, `500ms`, `0` to nanoseconds. Throws InvalidArgument. */
export function parseDuration(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  let total = 0;
  PART.lastIndex = 0;
  for (let end = 0; end < rest.length || rest === ''; end = PART.lastIndex) {
    const match = PART.exec(rest);
    if (!match)
      throw new EngineError('InvalidArgument', `${JSON.stringify(text)} is no duration, such as 30s or 1m30s`);
    total += Number(match[1]) * (UNITS[match[2] as string] as number);
  }
  return sign * Math.round(total);
}

/** As Go prints a duration: `30s`, `1m30s`, `1.5s`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  if (nanoseconds < 0) return `-${formatDuration(-nanoseconds)}`;
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const hours = Math.floor(nanoseconds / 3600e9);
  const minutes = Math.floor((nanoseconds % 3600e9) / 60e9);
  const seconds = `${(nanoseconds % 60e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
