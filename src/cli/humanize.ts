import { EngineError } from '../std/index.ts';

const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size as docker prints it: `61.2MB` with the three digits of lists, `61.23MB` with the four of progress. */
export function formatSize(bytes: number, digits = 3): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < DECIMAL.length - 1) {
    value /= 1000;
    unit++;
  }
  const rounded = Number(value.toPrecision(digits));
  // Where docker prints 999999 bytes as 1e+03kB.
  if (rounded >= 10 ** digits && unit < DECIMAL.length - 1) return `${rounded / 1000}${DECIMAL[unit + 1]}`;
  return `${rounded}${DECIMAL[unit]}`;
}

/** Memory as docker prints it, in powers of 1024: `1.09MiB`. */
export function formatMemory(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BINARY.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${BINARY[unit]}`;
}

/** How long `milliseconds` are, in words: `2 hours`, `About a minute` (docker's units.HumanDuration). */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(seconds / 3600 / 24 / 365)} years`;
}

/** `2 hours ago`. */
export function formatAge(when: Date, now: Date = new Date()): string {
  return `${formatDuration(now.getTime() - when.getTime())} ago`;
}

/** `512m`, `1.5g`, `1024`, `64KiB`: units are powers of 1024 here, as docker reads memory limits. Throws InvalidArgument. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?|\.\d+) ?(?:([kmgtp])i?b?|b)?$/i.exec(text.trim());
  if (!match) throw new EngineError('InvalidArgument', `invalid size "${text}"; want a number with b, k, m, g, t or p`);
  const power = match[2] === undefined ? 0 : 'kmgtp'.indexOf(match[2].toLowerCase()) + 1;
  const bytes = Math.trunc(Number(match[1]) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) throw new EngineError('InvalidArgument', `size "${text}" is too large`);
  return bytes;
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's duration (`1h30m`, `1.5s`, `300ms`), or a plain number of seconds; in milliseconds. Throws InvalidArgument. */
export function parseDuration(text: string): number {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const direction = sign === '-' ? -1 : 1;
  if (/^(\d+\.?\d*|\.\d+)$/.test(rest)) return direction * Number(rest) * 1000 || 0;
  const parts = [...rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy)];
  if (parts.length === 0 || parts.reduce((length, [part]) => length + part.length, 0) !== rest.length) {
    throw new EngineError('InvalidArgument', `invalid duration "${text}"; want for example 90s, 1h30m or 500ms`);
  }
  return (
    direction * parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS[unit as string] as number), 0) ||
    0
  );
}
