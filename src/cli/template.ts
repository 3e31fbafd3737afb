import { EngineError } from '../std/index.ts';
import { functionNamed, functionNames, headFunctions, isTrue, itemsOf, TemplateStop } from './template-functions.ts';
import {
  type Call,
  type Operand,
  type Pipe,
  parseTemplate as parse,
  type Template,
  type TemplateNode,
} from './template-parse.ts';
import { goString, goTypeOf } from './template-print.ts';

export interface ExecuteOptions {
  /** What an error calls the object whose fields are asked for; `map` if absent. */
  readonly typeName?: string;
  /** The data are the heads of columns: functions that change a value leave a head as it is. */
  readonly heads?: boolean;
}

/** Reads a template with docker's functions. Throws InvalidArgument. */
export function parseTemplate(source: string): Template {
  return parse(source, functionNames);
}

/** The template's text for `data`: an object with the keys of its JSON, or any value. Throws InvalidArgument with Go's message. */
export function executeTemplate(template: Template, data: unknown, options: ExecuteOptions = {}): string {
  return new Execution(template, data, options).run();
}

class Execution {
  readonly #template: Template;
  readonly #data: unknown;
  readonly #options: ExecuteOptions;
  #variables: { readonly name: string; value: unknown }[];
  #output = '';

  constructor(template: Template, data: unknown, options: ExecuteOptions) {
    this.#template = template;
    this.#data = data;
    this.#options = options;
    this.#variables = [{ name: '$', value: data }];
  }

  run(): string {
    this.#list(this.#template.nodes, this.#data);
    return this.#output;
  }

  /** Returns what ended it early, inside a range. */
  #list(nodes: readonly TemplateNode[], dot: unknown): 'break' | 'continue' | undefined {
    const outer = this.#variables.length;
    for (const node of nodes) {
      const stop = this.#node(node, dot);
      if (stop) {
        this.#variables.length = outer;
        return stop;
      }
    }
    this.#variables.length = outer;
    return undefined;
  }

  #node(node: TemplateNode, dot: unknown): 'break' | 'continue' | undefined {
    switch (node.kind) {
      case 'text':
        this.#output += node.text;
        return undefined;
      case 'action': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0)
          this.#output += value === undefined || value === null ? '<no value>' : goString(value);
        return undefined;
      }
      case 'break':
      case 'continue':
        return node.kind;
      case 'range':
        return this.#range(node, dot);
      case 'if':
      case 'with': {
        const outer = this.#variables.length;
        const value = this.#pipe(node.pipe, dot);
        const chosen = isTrue(value) ? node.body : node.otherwise;
        const stop = this.#list(chosen, node.kind === 'with' && chosen === node.body ? value : dot);
        this.#variables.length = outer;
        return stop;
      }
    }
  }

  #range(
    node: TemplateNode & { readonly kind: 'range' | 'if' | 'with' },
    dot: unknown,
  ): 'break' | 'continue' | undefined {
    const outer = this.#variables.length;
    const { variables, assigns } = node.pipe;
    const value = this.#calls(node.pipe, dot);
    const items = itemsOf(value);
    if (!items) {
      const operand = node.pipe.calls[0]?.operands[0];
      throw this.#failure(`range can't iterate over ${goString(value)}`, operand, node.pipe.text);
    }
    if (items.length === 0) return this.#list(node.otherwise, dot);
    for (const [key, item] of items) {
      const values = variables.length === 2 ? [key, item] : [item];
      variables.forEach((name, index) => {
        this.#bind(name, values[index], assigns);
      });
      const stop = this.#list(node.body, item);
      this.#variables.length = outer;
      if (stop === 'break') break;
    }
    return undefined;
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    const value = this.#calls(pipe, dot);
    for (const name of pipe.variables) this.#bind(name, value, pipe.assigns);
    return value;
  }

  #bind(name: string, value: unknown, assigns: boolean): void {
    const known = assigns ? this.#variables.findLast((variable) => variable.name === name) : undefined;
    if (known) known.value = value;
    else this.#variables.push({ name, value });
  }

  #calls(pipe: Pipe, dot: unknown): unknown {
    let value: unknown;
    for (const [index, call] of pipe.calls.entries()) value = this.#call(call, dot, index === 0 ? [] : [value]);
    return value;
  }

  /** `piped` holds the value of the call before, the last argument of this one. */
  #call({ operands: [first, ...rest], text }: Call, dot: unknown, piped: readonly unknown[]): unknown {
    if (first.kind !== 'function') {
      if (first.kind === 'nil') throw this.#failure('nil is not a command', first);
      if (rest.length > 0 || piped.length > 0) {
        throw this.#failure(`can't give argument to non-function ${first.text}`, first);
      }
      return this.#operand(first, dot);
    }
    return this.#function(first, rest, dot, piped, text);
  }

  #function(
    operand: Operand & { readonly kind: 'function' },
    rest: readonly Operand[],
    dot: unknown,
    piped: readonly unknown[],
    text: string,
  ): unknown {
    const { name } = operand;
    if (name === 'and' || name === 'or') {
      // Evaluated only as far as the answer needs.
      const lazy = [...rest.map((each) => () => this.#operand(each, dot)), ...piped.map((value) => () => value)];
      if (lazy.length === 0)
        throw this.#failure(`wrong number of args for ${name}: want at least 1 got 0`, operand, text);
      let value: unknown;
      for (const evaluate of lazy) {
        value = evaluate();
        if (isTrue(value) === (name === 'or')) break;
      }
      return value;
    }
    const args = [...rest.map((each) => this.#operand(each, dot)), ...piped];
    const found = (this.#options.heads ? headFunctions[name] : undefined) ?? functionNamed(name);
    const { min, max } = found;
    if (args.length < min || args.length > max) {
      const want = min === max ? `want ${min}` : `want at least ${min}`;
      throw this.#failure(`wrong number of args for ${name}: ${want} got ${args.length}`, operand, name);
    }
    try {
      return found.call(...args);
    } catch (error) {
      if (!(error instanceof TemplateStop)) throw error;
      if (error.argument === undefined) throw this.#failure(`error calling ${name}: ${error.message}`, operand, text);
      throw this.#failure(error.message, rest[error.argument] ?? operand, rest[error.argument]?.text ?? text);
    }
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case 'dot':
        return dot;
      case 'nil':
        return null;
      case 'literal':
        return operand.value;
      case 'variable':
        return this.#variables.findLast(({ name }) => name === operand.name)?.value;
      case 'pipe':
        return this.#pipe(operand.pipe, dot);
      case 'function':
        return this.#function(operand, [], dot, [], operand.name);
      case 'field':
        return operand.names.reduce((value, name) => this.#field(value, name, operand), this.#operand(operand.of, dot));
    }
  }

  #field(value: unknown, name: string, operand: Operand): unknown {
    if (value === undefined || value === null) return undefined;
    if (value instanceof Map) return value.get(name);
    if (typeof value !== 'object' || Array.isArray(value)) {
      throw this.#failure(`can't evaluate field ${name} in type ${goTypeOf(value)}`, operand);
    }
    if (Object.hasOwn(value, name)) return (value as Record<string, unknown>)[name];
    if (value !== this.#data && isStringMap(value)) return undefined;
    if (this.#options.typeName === undefined) throw this.#failure(`map has no entry for key "${name}"`, operand);
    const known = Object.keys(value).join(', ');
    throw this.#failure(`can't evaluate field ${name} in type ${this.#options.typeName}; it has ${known}`, operand);
  }

  #failure(message: string, operand: Operand | undefined, text: string = operand?.text ?? ''): EngineError {
    const before = this.#template.source.slice(0, operand?.at ?? 0).split('\n');
    const place = `${before.length}:${Buffer.byteLength(before.at(-1) as string)}`;
    return new EngineError(
      'InvalidArgument',
      `template parsing error: template: :${place}: executing "" at <${text}>: ${message}`,
    );
  }
}

/** Labels and their like, where a key may be missing: texts under keys that are no names of Go fields. */
function isStringMap(value: object): boolean {
  const keys = Object.keys(value);
  if (keys.length > 0 && keys.every((key) => /^[A-Z][A-Za-z0-9]*$/.test(key))) return false;
  return Object.values(value).every((each) => typeof each === 'string');
}
