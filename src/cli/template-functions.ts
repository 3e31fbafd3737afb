import { goFormat, goJson, goPrint, goString, goTypeOf } from './template-print.ts';

/** Why a function could not answer; `argument` is the place of the operand that is to blame. */
export class TemplateStop extends Error {
  readonly argument: number | undefined;

  constructor(message: string, argument?: number) {
    super(message);
    this.argument = argument;
  }
}

interface TemplateFunction {
  readonly min: number;
  readonly max: number;
  readonly call: (...args: unknown[]) => unknown;
}

const MANY = Number.POSITIVE_INFINITY;

/** Go's own functions and docker's, as docs.docker.com/engine/cli/formatting lists them. */
const functions: Readonly<Record<string, TemplateFunction>> = {
  // `and` and `or` are evaluated by the executor, as they don't look at all their arguments.
  and: { min: 1, max: MANY, call: (...args) => args.at(-1) },
  or: { min: 1, max: MANY, call: (...args) => args.at(-1) },
  not: { min: 1, max: 1, call: (value) => !isTrue(value) },
  eq: { min: 2, max: MANY, call: (first, ...others) => others.some((other) => isEqual(first, other)) },
  ne: { min: 2, max: 2, call: (a, b) => !isEqual(a, b) },
  lt: { min: 2, max: 2, call: (a, b) => compare(a, b) < 0 },
  le: { min: 2, max: 2, call: (a, b) => compare(a, b) <= 0 },
  gt: { min: 2, max: 2, call: (a, b) => compare(a, b) > 0 },
  ge: { min: 2, max: 2, call: (a, b) => compare(a, b) >= 0 },
  len: { min: 1, max: 1, call: lengthOf },
  index: { min: 1, max: MANY, call: (value, ...keys) => keys.reduce(elementOf, value) },
  slice: { min: 1, max: 4, call: sliceOf },
  print: { min: 0, max: MANY, call: (...args) => goPrint(args) },
  println: { min: 0, max: MANY, call: (...args) => `${args.map(goString).join(' ')}\n` },
  printf: { min: 1, max: MANY, call: (format, ...args) => goFormat(text(format, 0), args) },
  html: { min: 0, max: MANY, call: (...args) => escapeHtml(goPrint(args)) },
  urlquery: { min: 0, max: MANY, call: (...args) => encodeURIComponent(goPrint(args)).replaceAll('%20', '+') },
  json: { min: 1, max: 1, call: goJson },
  split: { min: 2, max: 2, call: (value, separator) => text(value, 0).split(text(separator, 1)) },
  join: { min: 2, max: 2, call: (list, separator) => listOf(list, 0).map(goString).join(text(separator, 1)) },
  title: {
    min: 1,
    max: 1,
    call: (value) => text(value, 0).replace(/(?<![\p{L}\p{N}_'])\p{L}/gu, (letter) => letter.toUpperCase()),
  },
  lower: { min: 1, max: 1, call: (value) => text(value, 0).toLowerCase() },
  upper: { min: 1, max: 1, call: (value) => text(value, 0).toUpperCase() },
  pad: {
    min: 3,
    max: 3,
    call: (value, before, after) => {
      const padded = text(value, 0);
      return padded === '' ? '' : ' '.repeat(count(before, 1)) + padded + ' '.repeat(count(after, 2));
    },
  },
  truncate: { min: 2, max: 2, call: (value, length) => [...text(value, 0)].slice(0, count(length, 1)).join('') },
};

export const functionNames: ReadonlySet<string> = new Set(Object.keys(functions));

export function functionNamed(name: string): TemplateFunction {
  return functions[name] as TemplateFunction;
}

const asItIs = (max: number): TemplateFunction => ({ min: 1, max, call: (value) => value });

/** What the functions do to the head of a column: nothing. */
export const headFunctions: Readonly<Record<string, TemplateFunction>> = {
  json: asItIs(1),
  title: asItIs(1),
  lower: asItIs(1),
  upper: asItIs(1),
  truncate: asItIs(2),
};

/** Go's truth: false, zero, nothing and what is empty are false. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** What a range goes over, in order, maps by sorted key; undefined for what can't be gone over. */
export function itemsOf(value: unknown): (readonly [key: unknown, item: unknown])[] | undefined {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (value instanceof Map) return [...value].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  if (typeof value === 'number' && Number.isInteger(value))
    return Array.from({ length: Math.max(value, 0) }, (_, i) => [i, i]);
  if (typeof value === 'object') return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return undefined;
}

function text(value: unknown, argument: number): string {
  if (typeof value === 'string') return value;
  throw new TemplateStop(`expected string; found ${goString(value)}`, argument);
}

function count(value: unknown, argument: number): number {
  if (typeof value === 'number' && Number.isInteger(value)) return Math.min(Math.max(value, 0), 4096);
  throw new TemplateStop(`expected integer; found ${goString(value)}`, argument);
}

function listOf(value: unknown, argument: number): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new TemplateStop(`expected []string; found ${goString(value)}`, argument);
}

function isEqual(a: unknown, b: unknown): boolean {
  const [left, right] = [a ?? null, b ?? null];
  if (left === null || right === null) return left === right;
  if (typeof left === 'object' || typeof right === 'object') throw new TemplateStop('non-comparable type');
  if (typeof left !== typeof right) throw new TemplateStop('incompatible types for comparison');
  return left === right;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a !== typeof b) throw new TemplateStop('incompatible types for comparison');
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  throw new TemplateStop('invalid type for comparison');
}

/** Strings in bytes, as Go counts. */
function lengthOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (typeof value === 'object') return Object.keys(value).length;
  throw new TemplateStop(`len of type ${goTypeOf(value)}`);
}

function elementOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value) || typeof value === 'string') {
    if (typeof key !== 'number' || !Number.isInteger(key))
      throw new TemplateStop(`cannot index slice/array with type ${goTypeOf(key)}`);
    const items: ArrayLike<unknown> = typeof value === 'string' ? Buffer.from(value) : value;
    if (key < 0 || key >= items.length) throw new TemplateStop(`index out of range: ${key}`);
    return items[key];
  }
  if (value === undefined || value === null) {
    if (typeof key === 'string') return ''; // a nil map[string]string, which labels mostly are
    throw new TemplateStop('index of untyped nil');
  }
  if (typeof value !== 'object') throw new TemplateStop(`can't index item of type ${goTypeOf(value)}`);
  const entries: ReadonlyMap<unknown, unknown> = value instanceof Map ? value : new Map(Object.entries(value));
  if (entries.has(key)) return entries.get(key);
  return entries.values().every((each) => typeof each === 'string') ? '' : undefined;
}

function sliceOf(value: unknown, ...bounds: unknown[]): unknown {
  const items = typeof value === 'string' ? Buffer.from(value) : value;
  if (!Buffer.isBuffer(items) && !Array.isArray(items))
    throw new TemplateStop(`can't slice item of type ${goTypeOf(value)}`);
  for (const bound of bounds) {
    if (typeof bound !== 'number' || !Number.isInteger(bound))
      throw new TemplateStop(`cannot index slice/array with type ${goTypeOf(bound)}`);
    if (bound < 0 || bound > items.length) throw new TemplateStop(`index out of range: ${bound}`);
  }
  const [first = 0, end = items.length] = bounds as number[];
  if (first > end) throw new TemplateStop(`invalid slice index: ${first} > ${end}`);
  return Buffer.isBuffer(items) ? items.subarray(first, end).toString() : items.slice(first, end);
}

const HTML: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&#34;', "'": '&#39;' };

function escapeHtml(value: string): string {
  return value.replace(/[<>&"']/g, (character) => HTML[character] as string);
}
