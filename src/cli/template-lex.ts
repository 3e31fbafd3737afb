/** A piece of a template: text as it stands, or what is between `{{` and `}}`. */
export type Lexed =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly at: number; readonly tokens: readonly Token[] };

/** `at` is the offset in the template, `source` how it is written there, `spaced` whether a blank stands before it. */
export type Token = { readonly at: number; readonly source: string; readonly spaced: boolean } & (
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'dot' }
  /** Without its dot. */
  | { readonly kind: 'field'; readonly text: string }
  /** With its dollar sign. */
  | { readonly kind: 'variable'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'mark'; readonly text: '(' | ')' | '|' | ',' | ':=' | '=' }
);

type Fail = (message: string, at: number) => Error;

/** Cuts `source` into texts and actions; trim markers and comments are gone. `fail` makes the error to throw. */
export function lexTemplate(source: string, fail: Fail): Lexed[] {
  const parts: Lexed[] = [];
  let at = 0;
  let trim = false;
  while (at < source.length) {
    const open = source.indexOf('{{', at);
    const end = open < 0 ? source.length : open;
    let text = source.slice(at, end);
    if (trim) text = text.replace(/^[ \t\r\n]+/, '');
    if (open < 0) {
      if (text) parts.push({ kind: 'text', text });
      break;
    }
    const trimsBefore = /^-[ \t\r\n]/.test(source.slice(open + 2, open + 4));
    if (trimsBefore) text = text.replace(/[ \t\r\n]+$/, '');
    if (text) parts.push({ kind: 'text', text });
    const inside = open + (trimsBefore ? 4 : 2);
    const action = source.startsWith('/*', inside) ? lexComment(source, inside, fail) : lexAction(source, inside, fail);
    if (action.tokens) parts.push({ kind: 'action', at: inside, tokens: action.tokens });
    at = action.end;
    trim = action.trims;
  }
  return parts;
}

interface Action {
  readonly tokens?: readonly Token[];
  /** Offset after `}}`. */
  readonly end: number;
  /** The blanks after it go. */
  readonly trims: boolean;
}

function lexComment(source: string, at: number, fail: Fail): Action {
  const close = source.indexOf('*/', at);
  if (close < 0) throw fail('unclosed comment', at);
  const rest = /^([ \t\r\n]-)?\}\}/.exec(source.slice(close + 2, close + 6));
  if (!rest) throw fail('comment ends before closing delimiter', at);
  return { end: close + 2 + rest[0].length, trims: rest[1] !== undefined };
}

const CLOSE = /([ \t\r\n]-)?\}\}/y;
const BLANKS = /[ \t\r\n]+/y;
const NUMBER = /[+-]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const RAW = /`[^`]*`/y;
const CHARACTER = /'(?:[^'\\\n]|\\.)+'/y;
const FIELD = /\.[\p{L}\p{N}_]+/uy;
const VARIABLE = /\$[\p{L}\p{N}_]*/uy;
const WORD = /[\p{L}_][\p{L}\p{N}_]*/uy;
const MARK = /:=|[()|,=]/y;

function lexAction(source: string, from: number, fail: Fail): Action {
  const tokens: Token[] = [];
  let at = from;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  for (let spaced = true; ; ) {
    const close = take(CLOSE);
    if (close !== undefined) return { tokens, end: at + close.length, trims: close.length > 2 };
    const blanks = take(BLANKS);
    if (blanks !== undefined) {
      spaced = true;
      at += blanks.length;
      continue;
    }
    if (at >= source.length) throw fail('unclosed action', from);
    const token = tokenAt(take, { at, spaced });
    if (!token) throw fail(problemAt(source.slice(at)), at);
    tokens.push(token);
    at += token.source.length;
    spaced = false;
  }
}

function tokenAt(
  take: (pattern: RegExp) => string | undefined,
  place: { at: number; spaced: boolean },
): Token | undefined {
  let text = take(STRING);
  if (text !== undefined) return { kind: 'literal', value: unquote(text), source: text, ...place };
  text = take(RAW);
  if (text !== undefined) return { kind: 'literal', value: text.slice(1, -1), source: text, ...place };
  text = take(CHARACTER);
  if (text !== undefined) return { kind: 'literal', value: unquote(text).codePointAt(0), source: text, ...place };
  text = take(FIELD);
  if (text !== undefined && !(place.spaced && /^\.\d+$/.test(text))) {
    return { kind: 'field', text: text.slice(1), source: text, ...place };
  }
  text = take(NUMBER);
  if (text !== undefined) return { kind: 'literal', value: Number(numberText(text)), source: text, ...place };
  text = take(VARIABLE);
  if (text !== undefined) return { kind: 'variable', text, source: text, ...place };
  text = take(WORD);
  if (text !== undefined) return { kind: 'word', text, source: text, ...place };
  text = take(MARK);
  if (text !== undefined) return { kind: 'mark', text: text as ':=', source: text, ...place };
  return take(/\./y) === undefined ? undefined : { kind: 'dot', source: '.', ...place };
}

function problemAt(rest: string): string {
  if (rest.startsWith('"')) return 'unterminated quoted string';
  if (rest.startsWith('`')) return 'unterminated raw quoted string';
  if (rest.startsWith("'")) return 'unterminated character constant';
  return `unexpected ${JSON.stringify([...rest][0])} in operand`;
}

/** Signs and Go's old octal are not in JavaScript's `Number`. */
function numberText(text: string): string {
  const digits = text.replaceAll('_', '').replace(/^\+/, '');
  if (/^-0[xXoObB]/.test(digits)) return String(-Number(digits.slice(1)));
  return /^-?0\d+$/.test(digits) ? String(Number.parseInt(digits, 8)) : digits;
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/** A Go string or character literal to its value. */
function unquote(text: string): string {
  const escapes = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/g;
  return text
    .slice(1, -1)
    .replace(escapes, (_, x?: string, u?: string, long?: string, octal?: string, letter?: string) => {
      if (letter !== undefined) return ESCAPES[letter] ?? letter;
      return String.fromCodePoint(
        octal === undefined ? Number.parseInt(x ?? u ?? long ?? '', 16) : Number.parseInt(octal, 8),
      );
    });
}
