import { EngineError } from '../std/index.ts';
import { matchPrefix, matchSuffix, parseShellPattern, replacePattern } from './shell-pattern.ts';
import { isSpace } from './space.ts';

/** Braces within braces; nobody writes more, and the call stack ends. */
const MAX_DEPTH = 64;
/** What one word may grow to: ENV lines that double a value would fill the memory in thirty of them. */
const MAX_EXPANDED = 1 << 20;
/** POSIX's special parameters, which are names here though nothing sets them. */
const SPECIAL = '@*#?-$!';
const NAME_START = /[\p{L}\p{Nd}_]/u;

export type Variables = ReadonlyMap<string, string>;

export interface ExpandOptions {
  /** The file's escape character; `\` if absent. */
  readonly escapeCharacter?: string;
  /** Quotes stay in the result. */
  readonly keepQuotes?: boolean;
  /** Escape characters stay in the result. */
  readonly keepEscapes?: boolean;
  /** `$NAME` stays as it is where nothing sets NAME. */
  readonly keepUnset?: boolean;
  /** Quotes mean nothing: the body of a heredoc. */
  readonly plainQuotes?: boolean;
}

export interface Expansion {
  readonly text: string;
  /** The text split at white space that was neither quoted nor escaped; a variable's value is split, too. */
  readonly words: readonly string[];
  /** Names that were asked for and not set. */
  readonly unset: ReadonlySet<string>;
}

/**
 * Replaces the variables of a word, and takes its quotes and escapes away, as the Dockerfile reference says ("Environment replacement"): `$a`,
 * `${a}`, `${a:-b}`, `${a-b}`, `${a:+b}`, `${a+b}`, `${a:?b}`, `${a?b}`, `${a#p}`, `${a##p}`, `${a%p}`, `${a%%p}`, `${a/p/b}`, `${a//p/b}`, nested.
 * Throws InvalidArgument, without a place: the caller knows it.
 */
export function expand(source: string, variables: Variables, options: ExpandOptions = {}): Expansion {
  const expander = new Expander(source, variables, options);
  const { text, words } = expander.until('', options.keepEscapes ?? false);
  return { text, words, unset: expander.unset };
}

interface Part {
  readonly text: string;
  readonly words: readonly string[];
}

class Expander {
  readonly unset: Set<string> = new Set();
  readonly #source: string;
  readonly #variables: Variables;
  readonly #options: ExpandOptions;
  readonly #escape: string;
  #at = 0;
  #depth = 0;

  constructor(source: string, variables: Variables, options: ExpandOptions) {
    this.#source = source;
    this.#variables = variables;
    this.#options = options;
    this.#escape = options.escapeCharacter ?? '\\';
  }

  /** Up to `stop`, which is taken too; '' is the end of the source. */
  until(stop: string, keepEscapes: boolean): Part {
    if (++this.#depth > MAX_DEPTH) throw problem(`substitutions are nested more than ${MAX_DEPTH} deep`);
    const result = new Words();
    const quotes = !this.#options.plainQuotes;
    while (this.#at < this.#source.length) {
      const character = this.#source[this.#at] as string;
      if (stop !== '' && character === stop) {
        this.#at++;
        this.#depth--;
        return result.done();
      }
      if (character === '$') result.split(this.#dollar(keepEscapes));
      else if (quotes && character === "'") result.whole(this.#singleQuoted());
      else if (quotes && character === '"') result.whole(this.#doubleQuoted(keepEscapes));
      else if (character === this.#escape) result.whole(this.#escaped(keepEscapes));
      else {
        this.#at++;
        result.split(character);
      }
    }
    if (stop !== '')
      throw problem(stop === '}' ? 'a substitution has no closing "}"' : `a substitution has no "${stop}"`);
    this.#depth--;
    return result.done();
  }

  #escaped(keep: boolean): string {
    const escapeCharacter = keep ? this.#escape : '';
    this.#at++;
    if (this.#at >= this.#source.length) return escapeCharacter; // at the end it escapes nothing
    return escapeCharacter + this.#source[this.#at++];
  }

  #singleQuoted(): string {
    const end = this.#source.indexOf("'", this.#at + 1);
    if (end < 0) throw problem("a single quote (') is not closed");
    const text = this.#source.slice(this.#at + 1, end);
    this.#at = end + 1;
    return this.#options.keepQuotes ? `'${text}'` : text;
  }

  #doubleQuoted(keepEscapes: boolean): string {
    const quote = this.#options.keepQuotes ? '"' : '';
    let text = quote;
    for (this.#at++; this.#at < this.#source.length; ) {
      const character = this.#source[this.#at] as string;
      if (character === '"') {
        this.#at++;
        return text + quote;
      }
      if (character === '$') text += this.#dollar(keepEscapes);
      else if (character === this.#escape) {
        // As in a shell, it escapes only what would mean something here, else it stands for itself.
        const next = this.#source[this.#at + 1];
        const escapes = next === '"' || next === '$' || next === this.#escape;
        if (keepEscapes || !escapes) text += next === undefined ? '' : character;
        if (escapes) text += next;
        this.#at += escapes ? 2 : 1;
      } else {
        text += character;
        this.#at++;
      }
    }
    throw problem('a double quote (") is not closed');
  }

  #dollar(keepEscapes: boolean): string {
    this.#at++;
    if (this.#source[this.#at] !== '{') {
      const name = this.#name();
      return name === '' ? '$' : (this.#value(name) ?? (this.#options.keepUnset ? `$${name}` : ''));
    }
    const begin = this.#at - 1;
    this.#at++;
    const name = this.#name();
    if (name === '') throw problem(`bad substitution ${JSON.stringify(this.#source.slice(begin, this.#at + 1))}`);
    const value = this.#value(name);
    const operator = this.#source[this.#at++];
    const result = this.#substitute(name, operator, value, keepEscapes);
    return value === undefined && this.#options.keepUnset ? this.#source.slice(begin, this.#at) : result;
  }

  #substitute(name: string, operator: string | undefined, value: string | undefined, keepEscapes: boolean): string {
    switch (operator) {
      case '}':
        return value ?? '';
      case ':': {
        const second = this.#source[this.#at++];
        if (second !== '-' && second !== '+' && second !== '?') throw unsupported(`:${second ?? ''}`, name);
        return this.#choose(name, second, value === '' ? undefined : value, { empty: value === '', keepEscapes });
      }
      case '-':
      case '+':
      case '?':
        return this.#choose(name, operator, value, { empty: false, keepEscapes });
      case '#':
      case '%': {
        const longest = this.#source[this.#at] === operator;
        if (longest) this.#at++;
        const pattern = parseShellPattern(this.until('}', true).text);
        return (operator === '#' ? matchPrefix : matchSuffix)(pattern, value ?? '', longest);
      }
      case '/': {
        const all = this.#source[this.#at] === '/';
        if (all) this.#at++;
        const pattern = parseShellPattern(this.until('/', true).text);
        return replacePattern(pattern, value ?? '', { by: this.until('}', true).text, all, limit: MAX_EXPANDED });
      }
      case undefined:
        throw problem(`the substitution of ${name} has no closing "}"`);
      default:
        throw unsupported(operator, name);
    }
  }

  #choose(
    name: string,
    operator: '-' | '+' | '?',
    value: string | undefined,
    { empty, keepEscapes }: { empty: boolean; keepEscapes: boolean },
  ): string {
    const { text } = this.until('}', keepEscapes);
    switch (operator) {
      case '-':
        return value ?? text;
      case '+':
        return value === undefined ? '' : text;
      case '?':
        if (value !== undefined || this.#options.keepUnset) return value ?? '';
        throw problem(`${name}: ${text || `is not allowed to be ${empty ? 'empty' : 'unset'}`}`);
    }
  }

  /** A name, a number or a special parameter; '' where none of them stands. */
  #name(): string {
    const start = this.#at;
    const first = this.#source[start];
    if (first === undefined) return '';
    if (SPECIAL.includes(first)) return this.#source.slice(start, ++this.#at);
    const numeric = first >= '0' && first <= '9';
    while (this.#at < this.#source.length) {
      const character = String.fromCodePoint(this.#source.codePointAt(this.#at) as number);
      if (numeric ? !(character >= '0' && character <= '9') : !NAME_START.test(character)) break;
      this.#at += character.length;
    }
    return this.#source.slice(start, this.#at);
  }

  #value(name: string): string | undefined {
    const value = this.#variables.get(name);
    if (value === undefined) this.unset.add(name);
    return value;
  }
}

/** What is gathered: the text as a whole, and split into words. */
class Words {
  #text = '';
  #word = '';
  readonly #words: string[] = [];

  /** Text whose white space separates words. */
  split(text: string): void {
    this.#grow(text);
    for (const character of text) {
      if (!isSpace(character)) this.#word += character;
      else if (this.#word !== '') {
        this.#words.push(this.#word);
        this.#word = '';
      }
    }
  }

  /** Text that was quoted or escaped. */
  whole(text: string): void {
    this.#grow(text);
    this.#word += text;
  }

  done(): Part {
    if (this.#word !== '') this.#words.push(this.#word);
    return { text: this.#text, words: this.#words };
  }

  #grow(text: string): void {
    this.#text += text;
    if (this.#text.length > MAX_EXPANDED) throw problem(`a word expands to more than ${MAX_EXPANDED} characters`);
  }
}

function problem(message: string): EngineError {
  return new EngineError('InvalidArgument', message);
}

function unsupported(operator: string, name: string): EngineError {
  return problem(
    `${JSON.stringify(operator)} is no operator in the substitution of ${name}; it may be one of :- - :+ + :? ? # ## % %% / //`,
  );
}
