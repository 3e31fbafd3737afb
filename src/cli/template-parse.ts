import { EngineError } from '../std/index.ts';
import { type Lexed, lexTemplate, type Token } from './template-lex.ts';

/** A value in a template; `at` is where it stands, `text` how Go would print it in an error. */
export type Operand = { readonly at: number; readonly text: string } & (
  | { readonly kind: 'dot' }
  | { readonly kind: 'nil' }
  | { readonly kind: 'literal'; readonly value: unknown }
  /** `.A.B`, `$x.A`, `(…).A`: fields of what `of` yields. */
  | { readonly kind: 'field'; readonly of: Operand; readonly names: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe }
);

/** `f a b`: the operand alone, or a function with its arguments. */
export interface Call {
  readonly operands: readonly [Operand, ...Operand[]];
  readonly text: string;
}

/** `$x := a | b | c`. */
export interface Pipe {
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly calls: readonly Call[];
  readonly text: string;
}

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | { readonly kind: 'break' | 'continue' }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly pipe: Pipe;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    };

export interface Template {
  readonly source: string;
  readonly nodes: readonly TemplateNode[];
}

/**
 * Reads the part of Go's text/template that docker documents for `--format`: all but templates within templates (`define`, `block`,
 * `template`). `functions` are the names that may be called. Throws InvalidArgument with Go's message.
 */
export function parseTemplate(source: string, functions: ReadonlySet<string>): Template {
  return { source, nodes: new Parser(source, functions).whole() };
}

type Ending = 'end' | 'else' | 'eof';

class Parser {
  readonly #source: string;
  readonly #functions: ReadonlySet<string>;
  readonly #parts: readonly Lexed[];
  #next = 0;
  #tokens: readonly Token[] = [];
  #token = 0;
  #line = 1;
  #variables = ['$'];
  #loops = 0;

  constructor(source: string, functions: ReadonlySet<string>) {
    this.#source = source;
    this.#functions = functions;
    this.#parts = lexTemplate(source, (message, at) => this.#failure(message, this.#lineAt(at)));
  }

  whole(): TemplateNode[] {
    const { nodes, ending } = this.#list();
    if (ending !== 'eof') throw this.#failure(`unexpected {{${ending}}}`);
    return nodes;
  }

  #list(): { nodes: TemplateNode[]; ending: Ending } {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const part = this.#parts[this.#next++];
      if (!part) return { nodes, ending: 'eof' };
      if (part.kind === 'text') {
        nodes.push(part);
        continue;
      }
      this.#tokens = part.tokens;
      this.#token = 0;
      this.#line = this.#lineAt(part.at);
      const first = this.#peek();
      const word = first?.kind === 'word' ? first.text : '';
      switch (word) {
        case 'end':
        case 'else':
          this.#token++;
          return { nodes, ending: word };
        case 'if':
        case 'with':
        case 'range':
          this.#token++;
          nodes.push(this.#control(word));
          break;
        case 'break':
        case 'continue':
          this.#token++;
          if (this.#loops === 0) throw this.#failure(`{{${word}}} outside {{range}}`);
          this.#done(word);
          nodes.push({ kind: word });
          break;
        case 'define':
        case 'block':
        case 'template':
          throw this.#failure(`{{${word}}} is not supported`);
        default:
          nodes.push({ kind: 'action', pipe: this.#pipe('command', false) });
          this.#done('command');
      }
    }
  }

  /** After `if`, `with` or `range` up to its `end`. */
  #control(kind: 'if' | 'with' | 'range'): TemplateNode {
    const outer = this.#variables.length;
    const pipe = this.#pipe(kind, kind === 'range');
    this.#done(kind);
    if (kind === 'range') this.#loops++;
    const { nodes: body, ending } = this.#list();
    if (kind === 'range') this.#loops--;
    let otherwise: TemplateNode[] = [];
    if (ending === 'eof') throw this.#failure('unexpected EOF');
    if (ending === 'else') {
      const word = this.#peek();
      if (word?.kind === 'word' && (word.text === 'if' || word.text === 'with') && word.text === kind) {
        this.#token++;
        otherwise = [this.#control(kind)]; // which reads the one `end` of both
      } else {
        this.#done('else');
        const rest = this.#list();
        if (rest.ending === 'eof') throw this.#failure('unexpected EOF');
        if (rest.ending === 'else') throw this.#failure('expected end; found {{else}}');
        otherwise = rest.nodes;
      }
    }
    this.#variables.length = outer;
    return { kind, pipe, body, otherwise };
  }

  #pipe(context: string, isRange: boolean): Pipe {
    const start = this.#token;
    const { variables, assigns } = this.#declaration(isRange);
    const calls: Call[] = [];
    for (;;) {
      const operands: Operand[] = [];
      const from = this.#token;
      for (let operand = this.#operand(); operand; operand = this.#operand()) operands.push(operand);
      const [first, ...rest] = operands;
      if (!first) {
        if (calls.length > 0) throw this.#failure('missing value for command');
        throw this.#failure(`missing value for ${context}`);
      }
      calls.push({ operands: [first, ...rest], text: this.#textOf(from) });
      const mark = this.#peek();
      if (mark?.kind !== 'mark' || mark.text !== '|') break;
      this.#token++;
    }
    for (const call of calls.slice(1)) {
      const kind = call.operands[0].kind;
      if (kind === 'literal' || kind === 'dot' || kind === 'nil') {
        throw this.#failure(`non executable command in pipeline stage ${calls.indexOf(call) + 1}`);
      }
    }
    if (!assigns) this.#variables.push(...variables);
    return { variables, assigns, calls, text: this.#textOf(start) };
  }

  /** `$x :=`, `$x =`, and for range `$i, $e :=`. */
  #declaration(isRange: boolean): { variables: string[]; assigns: boolean } {
    const marks = this.#tokens.slice(this.#token, this.#token + 4);
    const [first, second, third, fourth] = marks;
    const none = { variables: [], assigns: false };
    if (first?.kind !== 'variable' || second?.kind !== 'mark') return none;
    const named = (names: string[], mark: string): { variables: string[]; assigns: boolean } => {
      const assigns = mark === '=';
      for (const name of names) if (assigns) this.#known(name);
      this.#token += names.length * 2;
      return { variables: names, assigns };
    };
    if (second.text === ':=' || second.text === '=') return named([first.text], second.text);
    if (!isRange || second.text !== ',' || third?.kind !== 'variable' || fourth?.kind !== 'mark') return none;
    return fourth.text === ':=' || fourth.text === '=' ? named([first.text, third.text], fourth.text) : none;
  }

  #operand(): Operand | undefined {
    const token = this.#peek();
    if (!token || (token.kind === 'mark' && token.text !== '(')) return undefined;
    const from = this.#token++;
    const of = this.#term(token, from);
    const names: string[] = token.kind === 'field' ? [token.text] : [];
    let at = token.at;
    for (let next = this.#peek(); next?.kind === 'field' && !next.spaced; next = this.#peek()) {
      if (names.length === (token.kind === 'field' ? 1 : 0)) at = next.at;
      names.push(next.text);
      this.#token++;
    }
    if (names.length === 0) return of;
    if (of.kind === 'literal' || of.kind === 'nil')
      throw this.#failure(`unexpected . after term ${JSON.stringify(of.text)}`);
    return { kind: 'field', of, names, at, text: this.#textOf(from) };
  }

  #term(token: Token, from: number): Operand {
    const place = { at: token.at, text: token.source };
    switch (token.kind) {
      case 'field':
        return { kind: 'dot', ...place };
      case 'dot':
        return { kind: 'dot', ...place };
      case 'literal':
        return { kind: 'literal', value: token.value, ...place };
      case 'variable':
        this.#known(token.text);
        return { kind: 'variable', name: token.text, ...place };
      case 'word':
        if (token.text === 'nil') return { kind: 'nil', ...place };
        if (token.text === 'true' || token.text === 'false')
          return { kind: 'literal', value: token.text === 'true', ...place };
        if (!this.#functions.has(token.text)) throw this.#failure(`function "${token.text}" not defined`);
        return { kind: 'function', name: token.text, ...place };
      case 'mark': {
        const pipe = this.#pipe('parenthesized pipeline', false);
        const close = this.#peek();
        if (close?.kind !== 'mark' || close.text !== ')') throw this.#failure('unclosed left paren');
        this.#token++;
        return { kind: 'pipe', pipe, at: token.at, text: this.#textOf(from) };
      }
    }
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#token];
  }

  #done(context: string): void {
    const token = this.#peek();
    if (token) throw this.#failure(`unexpected ${JSON.stringify(token.source)} in ${context}`);
  }

  #known(name: string): void {
    if (!this.#variables.includes(name)) throw this.#failure(`undefined variable "${name}"`);
  }

  /** The source from token `from` up to the one before the next. */
  #textOf(from: number): string {
    const [first, last] = [this.#tokens[from], this.#tokens[this.#token - 1]];
    return first && last ? this.#source.slice(first.at, last.at + last.source.length) : '';
  }

  #lineAt(at: number): number {
    return this.#source.slice(0, at).split('\n').length;
  }

  #failure(message: string, line: number = this.#line): EngineError {
    return new EngineError('InvalidArgument', `template parsing error: template: :${line}: ${message}`);
  }
}
