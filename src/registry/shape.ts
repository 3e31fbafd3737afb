import { EngineError, nearest } from '../std/index.ts';

/** One thing that is wrong, and the key where. */
export interface Problem {
  readonly key: string;
  readonly message: string;
}

/** What a value of a configuration has to be. */
export interface Shape<Value> {
  /** Gives the value as the program uses it; what is wrong is added to `problems`. */
  check(value: unknown, key: string, problems: Problem[]): Value | undefined;
  /** From an environment variable. Without it, the text is JSON. */
  fromText?(text: string): unknown;
  /** Of an object with known keys. */
  readonly fields?: Readonly<Record<string, Shape<unknown>>>;
}

function wrong(problems: Problem[], key: string, message: string): undefined {
  problems.push({ key, message });
  return undefined;
}

export const text: Shape<string> = {
  check: (value, key, problems) =>
    typeof value === 'string' && value !== '' ? value : wrong(problems, key, 'must be a string that is not empty'),
  fromText: (given) => given,
};

export const flag: Shape<boolean> = {
  check: (value, key, problems) => (typeof value === 'boolean' ? value : wrong(problems, key, 'must be true or false')),
};

/** A whole number from 0 on. */
export const whole: Shape<number> = {
  check: (value, key, problems) =>
    Number.isSafeInteger(value) && (value as number) >= 0
      ? (value as number)
      : wrong(problems, key, 'must be a whole number from 0 on'),
};

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3600_000,
  d: 24 * 3600_000,
};

/** Bytes: a number, or `10GiB`. */
export const bytes: Shape<number> = measured(BYTES, 'must be a number of bytes or a size such as "10GiB" or "500MB"');

/** Milliseconds: `30d`, `1h30m`; a plain number would leave open of what. */
export const duration: Shape<number> = {
  check(value, key, problems) {
    const message = 'must be a duration such as "30s", "1h30m" or "7d"';
    if (typeof value !== 'string' || !/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(value))
      return wrong(problems, key, message);
    const parts = value.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g);
    return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (MILLISECONDS[unit as string] ?? 0), 0);
  },
  fromText: (given) => given,
};

function measured(units: Readonly<Record<string, number>>, message: string): Shape<number> {
  return {
    check(value, key, problems) {
      const [, count, unit = ''] = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)?$/.exec(String(value)) ?? [];
      const scale = unit === '' ? 1 : Object.hasOwn(units, unit) ? units[unit] : undefined;
      if (count === undefined || scale === undefined || !['string', 'number'].includes(typeof value)) {
        return wrong(problems, key, message);
      }
      return Math.round(Number(count) * scale);
    },
    fromText: (given) => given,
  };
}

export function choice<const Word extends string>(...words: readonly Word[]): Shape<Word> {
  return {
    check: (value, key, problems) =>
      words.find((word) => word === value) ??
      wrong(problems, key, `must be ${words.map((word) => JSON.stringify(word)).join(' or ')}`),
    fromText: (given) => given,
  };
}

/** In an environment variable, words with commas between them. */
export function list<Item>(item: Shape<Item>): Shape<readonly Item[]> {
  return {
    check(value, key, problems) {
      if (!Array.isArray(value)) return wrong(problems, key, 'must be a list');
      return value.flatMap((each, index) => {
        const checked = item.check(each, `${key}[${index}]`, problems);
        return checked === undefined ? [] : [checked];
      });
    },
    fromText: (given) =>
      given.trimStart().startsWith('[') ? parseJson(given) : given.split(',').map((each) => each.trim()),
  };
}

/** An object whose keys are anybody's. */
export function dictionary<Item>(item: Shape<Item>): Shape<Readonly<Record<string, Item>>> {
  return {
    check(value, key, problems) {
      if (!isObject(value)) return wrong(problems, key, 'must be an object');
      const entries = Object.entries(value).flatMap(([name, each]): [string, Item][] => {
        const checked = item.check(each, `${key}.${name}`, problems);
        return checked === undefined ? [] : [[name, checked]];
      });
      return Object.fromEntries(entries);
    },
  };
}

/** An object of these keys, all of which may be absent but those in `required`. */
export function fields<Value extends object>(
  shapes: { readonly [Key in keyof Value]-?: Shape<Exclude<Value[Key], undefined>> },
  { required = [] }: { required?: readonly (keyof Value & string)[] } = {},
): Shape<Value> {
  const known = shapes as Readonly<Record<string, Shape<unknown>>>;
  return {
    fields: known,
    check(value, key, problems) {
      if (!isObject(value)) return wrong(problems, key, 'must be an object');
      const checked: Record<string, unknown> = {};
      for (const [name, each] of Object.entries(value)) {
        const at = key === '' ? name : `${key}.${name}`;
        const shape = Object.hasOwn(known, name) ? known[name] : undefined;
        if (shape) {
          const found = shape.check(each, at, problems);
          if (found !== undefined) checked[name] = found;
          continue;
        }
        const meant = nearest(name, Object.keys(known));
        wrong(
          problems,
          at,
          `is no key of ${key === '' ? 'the configuration' : key}${meant === undefined ? '' : `; is ${meant} meant?`}`,
        );
      }
      for (const name of required) {
        if (!Object.hasOwn(value, name)) wrong(problems, key === '' ? name : `${key}.${name}`, 'is missing');
      }
      return checked as Value;
    },
  };
}

/** The first of two that fits; where none does, what the second says is told unless `isFirst` knows better. */
export function either<One, Other>(
  one: Shape<One>,
  other: Shape<Other>,
  isFirst: (value: unknown) => boolean,
): Shape<One | Other> {
  return {
    check: (value, key, problems) => (isFirst(value) ? one : other).check(value, key, problems),
    fromText: (given) => (given.trimStart().startsWith('{') ? parseJson(given) : (one.fromText ?? parseJson)(given)),
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function parseJson(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return given; // its shape says what it should have been
  }
}

/** Throws InvalidArgument with everything that is wrong. */
export function refuseProblems(source: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ key, message }) => `${key} ${message}`);
  throw new EngineError('InvalidArgument', `${source}: ${lines.join('; ')}`);
}
