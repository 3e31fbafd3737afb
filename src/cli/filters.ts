import { EngineError } from '../std/index.ts';
import { parseDuration } from './humanize.ts';

/** `--filter` as it was given: values by key, in order. */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** Collects `key=value` pairs; a key that is not among `known` is refused. Throws InvalidArgument. */
export function parseFilters(pairs: readonly string[], known: readonly string[]): Filters {
  const filters = new Map<string, string[]>();
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals < 0) throw new EngineError('InvalidArgument', `bad format of filter "${pair}" (expected name=value)`);
    const key = pair.slice(0, equals).trim().toLowerCase();
    const value = pair.slice(equals + 1).trim();
    if (!known.includes(key))
      throw new EngineError('InvalidArgument', `invalid filter '${key}'; there is ${known.join(', ')}`);
    filters.set(key, [...(filters.get(key) ?? []), value]);
  }
  return filters;
}

/** Whether one of the key's values is `actual`; true without such a filter. */
export function matchesValue(filters: Filters, key: string, ...actual: readonly (string | undefined)[]): boolean {
  return filters.get(key)?.some((value) => actual.includes(value)) ?? true;
}

/** Whether `name` holds, or as a regular expression matches, one of the key's values; true without such a filter. */
export function matchesName(filters: Filters, key: string, name: string): boolean {
  return filters.get(key)?.some((value) => name.includes(value) || expressionOf(value)?.test(name)) ?? true;
}

/** Whether every `label` filter (`key`, or `key=value`) is met. */
export function matchesLabels(
  filters: Filters,
  labels: Readonly<Record<string, string>> | undefined,
  key = 'label',
): boolean {
  return (filters.get(key) ?? []).every((wanted) => {
    const equals = wanted.indexOf('=');
    const name = equals < 0 ? wanted : wanted.slice(0, equals);
    const value = labels && Object.hasOwn(labels, name) ? labels[name] : undefined;
    return value !== undefined && (equals < 0 || value === wanted.slice(equals + 1));
  });
}

/** Whether one of the `reference` patterns matches the repository, or the repository with its tag, as people write them: `debian*:12`. */
export function matchesReference(filters: Filters, repository: string, tag: string | undefined): boolean {
  const full = tag === undefined ? repository : `${repository}:${tag}`;
  return (
    filters.get('reference')?.some((pattern) => matchesPattern(pattern, full) || matchesPattern(pattern, repository)) ??
    true
  );
}

/** The last value of a filter that is yes or no; undefined without it. Throws InvalidArgument. */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const value = filters.get(key)?.at(-1);
  if (value === undefined) return undefined;
  if (['1', 't', 'true'].includes(value.toLowerCase())) return true;
  if (['0', 'f', 'false'].includes(value.toLowerCase())) return false;
  throw new EngineError('InvalidArgument', `invalid filter '${key}=${value}'; want true or false`);
}

/** A filter's values as whole numbers; undefined without it. Throws InvalidArgument. */
export function numbersFilter(filters: Filters, key: string): readonly number[] | undefined {
  return filters.get(key)?.map((value) => {
    if (!/^-?\d+$/.test(value))
      throw new EngineError('InvalidArgument', `invalid filter '${key}=${value}'; want a whole number`);
    return Number(value);
  });
}

/** A filter's last value as a moment: `24h` before `now`, seconds since 1970, or a date; undefined without it. Throws InvalidArgument. */
export function momentFilter(filters: Filters, key: string, now: Date = new Date()): Date | undefined {
  const value = filters.get(key)?.at(-1);
  return value === undefined ? undefined : parseMoment(value, now);
}

/** `24h` before `now`, seconds since 1970, or a date as RFC 3339 has it, the time or its zone left out if need be. */
export function parseMoment(text: string, now: Date = new Date()): Date {
  if (/^\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000);
  if (/^\d{4}-/.test(text)) {
    const date = new Date(text);
    if (!Number.isNaN(date.getTime())) return date;
    throw new EngineError(
      'InvalidArgument',
      `invalid time "${text}"; want for example 24h, 2026-01-31 or 2026-01-31T12:00:00Z`,
    );
  }
  return new Date(now.getTime() - parseDuration(text));
}

/** Go's path.Match: `*` and `?` stop at slashes, `[a-z]` and `[^a-z]` are one character, a backslash takes what follows as it is. */
export function matchesPattern(pattern: string, name: string): boolean {
  return patternExpression(pattern).test(name);
}

function patternExpression(pattern: string): RegExp {
  const parts = /\\([\s\S])|\[(\^?)((?:\\[\s\S]|[^\]\\])+)\]|(\*+)|(\?)|([\s\S])/gu;
  let source = '';
  for (const [whole, escaped, negated, set, star, one, plain] of pattern.matchAll(parts)) {
    if (set !== undefined) source += `[${negated ? '^/' : ''}${setSource(set)}]`;
    else if (star) source += '[^/]*';
    else if (one) source += '[^/]';
    else if (plain === '[' || plain === '\\') throw badPattern(pattern);
    else source += literalSource(escaped ?? plain ?? whole);
  }
  try {
    return new RegExp(`^${source}$`, 'su');
  } catch {
    throw badPattern(pattern);
  }
}

/** The inside of a class: ranges and escapes as in Go, every other character for itself. */
function setSource(set: string): string {
  return set.replace(/\\([\s\S])|([^-])/gu, (_, escaped?: string, plain?: string) =>
    literalSource(escaped ?? plain ?? ''),
  );
}

function literalSource(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}

function badPattern(pattern: string): EngineError {
  return new EngineError('InvalidArgument', `syntax error in pattern "${pattern}"`);
}

function expressionOf(value: string): RegExp | undefined {
  try {
    return new RegExp(value);
  } catch {
    return undefined;
  }
}
