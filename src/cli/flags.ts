import { nearest } from '../std/index.ts';
import { parseBytes, parseDuration } from './humanize.ts';
import { UsageError } from './usage-error.ts';

/** What the shell may offer in a place: things of the store, files, or fixed words. */
export type Completion = 'image' | 'container' | 'running' | 'volume' | 'file' | readonly string[];

interface Common {
  /** One letter: `a` for `-a`. */
  readonly short?: string;
  readonly description: string;
  /** What the help calls the value; the kind's own word if absent. */
  readonly metavar?: string;
  readonly hidden?: boolean;
  /** Environment variable that stands in where the flag is not given. */
  readonly env?: string;
  /** Further long names, accepted and not shown: `net` for `network`. */
  readonly aliases?: readonly string[];
  /** What the shell may offer as the value. */
  readonly complete?: Completion;
}

/** How one flag is declared. A flag without a default is undefined where it is not given; booleans are false, lists and maps empty. */
export type Flag =
  | (Common & { readonly kind: 'boolean'; readonly default?: boolean })
  | (Common & { readonly kind: 'string'; readonly default?: string; readonly choices?: readonly string[] })
  /** A whole number. */
  | (Common & { readonly kind: 'number'; readonly default?: number; readonly min?: number; readonly max?: number })
  | (Common & { readonly kind: 'decimal'; readonly default?: number; readonly min?: number; readonly max?: number })
  /** Go's `1h30m`, or seconds as a plain number; the value is in milliseconds. */
  | (Common & { readonly kind: 'duration'; readonly default?: number })
  /** `512m`, `1g`; `-1` too where that means "without limit". */
  | (Common & { readonly kind: 'bytes'; readonly default?: number; readonly unlimited?: boolean })
  /** Given any number of times, in order; each value is split at `separator` if there is one. */
  | (Common & { readonly kind: 'list'; readonly separator?: string })
  /** `key=value`, any number of times; a key alone has an empty value, the last one wins. */
  | (Common & { readonly kind: 'map' })
  /** A string whose value may be left out: `--flag` means `--flag=whenBare`. The value is never the next argument. */
  | (Common & { readonly kind: 'optional'; readonly whenBare: string; readonly default?: string });

/** A verb's flags, keyed in camel case: `noTrunc` is `--no-trunc`. */
export type Flags = Readonly<Record<string, Flag>>;

type Absent<F> = F extends { readonly default: string | number } ? never : undefined;
type ValueOf<F extends Flag> = F extends { readonly kind: 'boolean' }
  ? boolean
  : F extends { readonly kind: 'list' }
    ? readonly string[]
    : F extends { readonly kind: 'map' }
      ? ReadonlyMap<string, string>
      : F extends { readonly kind: 'number' | 'decimal' | 'duration' | 'bytes' }
        ? number | Absent<F>
        : F extends { readonly choices: readonly (infer Choice)[] }
          ? Choice | Absent<F>
          : string | Absent<F>;

/** What a verb reads, derived from what it declares. */
export type FlagValues<F extends Flags> = { readonly [Name in keyof F]: ValueOf<F[Name]> };

export interface ParsedFlags {
  readonly values: Readonly<Record<string, unknown>>;
  /** Keys of the flags that the person gave, by flag or by environment. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  /** `--help` (or `-h`, where no flag has that letter) was among them. */
  readonly help: boolean;
}

interface ParseOptions {
  /** Whether flags may follow arguments. */
  readonly interspersed: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Reads a command line as pflag does, so that what works for docker works here. Throws UsageError. */
export function parseFlags(argv: readonly string[], flags: Flags, { interspersed, env }: ParseOptions): ParsedFlags {
  const names = namesOf(flags);
  const values = defaultsOf(flags);
  const given = new Set<string>();
  const args: string[] = [];
  let help = false;

  const set = (key: string, text: string, shown: string): void => {
    const flag = flags[key] as Flag;
    try {
      values[key] = merged(flag, values[key], text, given.has(key));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new UsageError(`invalid argument "${text}" for "${shown}" flag: ${error.message}`);
    }
    given.add(key);
  };

  for (const [key, flag] of Object.entries(flags)) {
    const text = flag.env === undefined ? undefined : env[flag.env];
    if (text !== undefined && text !== '') set(key, text, `$${flag.env}`);
  }
  given.clear(); // so that a list on the command line replaces the environment's
  const fromEnvironment = Object.keys(flags).filter((key) => (env[flags[key]?.env ?? ''] ?? '') !== '');

  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] as string;
    if (word === '--') {
      args.push(...argv.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      if (!interspersed) {
        args.push(...argv.slice(at));
        break;
      }
      args.push(word);
    } else if (word.startsWith('--')) {
      at += long(word);
    } else {
      at += cluster(word);
    }

    /** `--name`, `--name=value`, `--name value`; returns how many further words it used. */
    function long(text: string): number {
      const equals = text.indexOf('=');
      const name = text.slice(2, equals < 0 ? undefined : equals);
      if (name === '' || name.startsWith('-')) throw new UsageError(`bad flag syntax: ${text}`);
      const key = names.get(`--${name}`);
      if (key === undefined) {
        if (name === 'help') {
          help = true;
          return 0;
        }
        throw unknownFlag(name, flags);
      }
      const shown = shownName(key, flags[key] as Flag);
      if (equals >= 0) set(key, text.slice(equals + 1), shown);
      else if (isBare(flags[key])) set(key, bareOf(flags[key]), shown);
      else if (at + 1 >= argv.length) throw new UsageError(`flag needs an argument: --${name}`);
      else {
        set(key, argv[at + 1] as string, shown);
        return 1;
      }
      return 0;
    }

    /** `-abc`, `-p80`, `-p=80`, `-p 80`; returns how many further words it used. */
    function cluster(text: string): number {
      const letters = [...text.slice(1)];
      while (letters.length > 0) {
        const letter = letters.shift() as string;
        const key = names.get(`-${letter}`);
        if (key === undefined) {
          if (letter !== 'h')
            throw new UsageError(`unknown shorthand flag: '${letter}' in -${letter}${letters.join('')}`);
          help = true;
          continue;
        }
        const shown = shownName(key, flags[key] as Flag);
        if (letters[0] === '=' && letters.length > 1) {
          set(key, letters.slice(1).join(''), shown);
          return 0;
        }
        if (isBare(flags[key])) {
          set(key, bareOf(flags[key]), shown);
        } else if (letters.length > 0) {
          set(key, letters.join(''), shown);
          return 0;
        } else if (at + 1 >= argv.length) {
          throw new UsageError(`flag needs an argument: '${letter}' in -${letter}`);
        } else {
          set(key, argv[at + 1] as string, shown);
          return 1;
        }
      }
      return 0;
    }
  }
  for (const key of fromEnvironment) given.add(key);
  return { values, given, args, help };
}

/** Every spelling (`--long`, `--alias`, `-s`) to the key it stands for. */
function namesOf(flags: Flags): Map<string, string> {
  const names = new Map<string, string>();
  for (const [key, flag] of Object.entries(flags)) {
    names.set(`--${flagNameOf(key)}`, key);
    for (const alias of flag.aliases ?? []) names.set(`--${alias}`, key);
    if (flag.short !== undefined) names.set(`-${flag.short}`, key);
  }
  return names;
}

function defaultsOf(flags: Flags): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(flags)) {
    if (flag.kind === 'boolean') values[key] = flag.default ?? false;
    else if (flag.kind === 'list') values[key] = [];
    else if (flag.kind === 'map') values[key] = new Map();
    else values[key] = flag.default;
  }
  return values;
}

function shownName(key: string, flag: Flag): string {
  return flag.short === undefined ? `--${flagNameOf(key)}` : `-${flag.short}, --${flagNameOf(key)}`;
}

function isBare(flag: Flag | undefined): boolean {
  return flag?.kind === 'boolean' || flag?.kind === 'optional';
}

function bareOf(flag: Flag | undefined): string {
  return flag?.kind === 'optional' ? flag.whenBare : 'true';
}

/** The flag's value after `text`: lists and maps grow, everything else is replaced. The error's message is the reason alone. */
function merged(flag: Flag, before: unknown, text: string, given: boolean): unknown {
  switch (flag.kind) {
    case 'boolean':
      return parseBoolean(text);
    case 'string':
      if (flag.choices && !flag.choices.includes(text)) throw new Error(`must be one of ${flag.choices.join(', ')}`);
      return text;
    case 'optional':
      return text;
    case 'number':
      if (!/^[+-]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|\d+)$/.test(text)) throw new Error('not a whole number');
      return bounded(parseInteger(text), flag);
    case 'decimal':
      if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) throw new Error('not a number');
      return bounded(Number(text), flag);
    case 'duration':
      return parseDuration(text);
    case 'bytes':
      return flag.unlimited && text === '-1' ? -1 : parseBytes(text);
    case 'list': {
      const added = flag.separator === undefined ? [text] : text.split(flag.separator);
      return given ? [...(before as string[]), ...added] : added;
    }
    case 'map': {
      const equals = text.indexOf('=');
      if (equals === 0) throw new Error('want KEY=VALUE');
      const entry = equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
      return new Map([...(given ? (before as Map<string, string>) : []), entry as [string, string]]);
    }
  }
}

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** Go's strconv.ParseBool. */
function parseBoolean(text: string): boolean {
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;
  throw new Error('want true or false');
}

/** Go's strconv.ParseInt with base 0: `0x1f`, `0o17`, `017`. */
function parseInteger(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[+-]/, '');
  const value = sign * (/^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits));
  if (!Number.isSafeInteger(value)) throw new Error('out of range');
  return value === 0 ? 0 : value;
}

function bounded(value: number, { min, max }: { readonly min?: number; readonly max?: number }): number {
  if (min !== undefined && value < min) throw new Error(`must be at least ${min}`);
  if (max !== undefined && value > max) throw new Error(`must be at most ${max}`);
  return value;
}

function unknownFlag(name: string, flags: Flags): UsageError {
  const known = Object.entries(flags).filter(([, flag]) => !flag.hidden);
  const near = nearest(name, [...known.map(([key]) => flagNameOf(key)), 'help']);
  return new UsageError(`unknown flag: --${name}`, {
    flag: name,
    ...(near ? { hint: `Did you mean --${near}?` } : {}),
  });
}
/** How a flag's key is typed on the command line: `noTrunc` is `no-trunc`, `ip6` stays. */
export function flagNameOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
