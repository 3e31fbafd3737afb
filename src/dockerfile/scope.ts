import { EngineError } from '../std/index.ts';
import { type ExpandOptions, type Expansion, expand } from './expand.ts';
import type { ArgInstruction } from './instruction.ts';

/** Reference, "Predefined ARGs": RUN has them without an ARG, and neither history nor cache key tells them. */
export const PROXY_ARGS: ReadonlySet<string> = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
);

interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** Reference, "Automatic platform ARGs in the global scope". */
export function platformArgs(
  { build, target }: { build: Platform; target: Platform },
  stage = 'default',
): ReadonlyMap<string, string> {
  const named = (prefix: string, { os, architecture, variant = '' }: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, [os, architecture, ...(variant ? [variant] : [])].join('/')],
    [`${prefix}OS`, os],
    [`${prefix}ARCH`, architecture],
    [`${prefix}VARIANT`, variant],
  ];
  return new Map([...named('BUILD', build), ...named('TARGET', target), ['TARGETSTAGE', stage]]);
}

/** What FROM sees: the platform's arguments, and the ARGs above the first FROM. What was given for the build goes before a default. */
export function globalArgs(
  globals: readonly ArgInstruction[],
  {
    platform,
    buildArgs,
    escapeCharacter,
  }: {
    platform: ReadonlyMap<string, string>;
    buildArgs: ReadonlyMap<string, string>;
    escapeCharacter: string;
  },
): ReadonlyMap<string, string> {
  const values = new Map(platform);
  for (const name of platform.keys()) {
    const given = buildArgs.get(name);
    if (given !== undefined) values.set(name, given);
  }
  for (const { name, value } of globals.flatMap(({ args }) => args)) {
    const given = buildArgs.get(name);
    if (given !== undefined) values.set(name, given);
    else if (value !== undefined) values.set(name, expand(value, values, { escapeCharacter }).text);
  }
  return values;
}

/**
 * The variables of a stage while its instructions are gone through. ENV goes before ARG, wherever they stand; an ARG without a value takes
 * what was given for the build, else what the same name has above the first FROM.
 */
export class Scope {
  readonly #env: Map<string, string>;
  readonly #args: Map<string, string | undefined>;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #buildArgs: ReadonlyMap<string, string>;
  readonly #escapeCharacter: string;

  constructor(options: {
    /** What the base image sets. */
    env?: Iterable<readonly [string, string]>;
    /** What the stage that this one stands on declared. */
    args?: Iterable<readonly [string, string | undefined]>;
    globals: ReadonlyMap<string, string>;
    buildArgs: ReadonlyMap<string, string>;
    escapeCharacter: string;
  }) {
    this.#env = new Map(options.env);
    this.#args = new Map(options.args);
    this.#globals = options.globals;
    this.#buildArgs = options.buildArgs;
    this.#escapeCharacter = options.escapeCharacter;
  }

  /** What ENV and the base image set, in order. */
  get env(): ReadonlyMap<string, string> {
    return this.#env;
  }

  /** What ARG declared, in order; undefined where it has no value. */
  get args(): ReadonlyMap<string, string | undefined> {
    return this.#args;
  }

  expand(word: string, options: Omit<ExpandOptions, 'escapeCharacter'> = {}): Expansion {
    return expand(word, this.#variables(), { escapeCharacter: this.#escapeCharacter, ...options });
  }

  setEnv(name: string, value: string): void {
    this.#env.set(name, value);
  }

  /** Takes an ARG's names in; returns them with their values, and which variables their defaults missed. */
  declare({ args }: ArgInstruction): {
    values: readonly (readonly [string, string | undefined])[];
    unset: ReadonlySet<string>;
  } {
    const values: [string, string | undefined][] = [];
    const unset = new Set<string>();
    for (const { name: written, value } of args) {
      const name = this.expand(written).text;
      if (name === '') throw new EngineError('InvalidArgument', `the ARG ${written} has no name`);
      const fallback = value === undefined ? undefined : this.expand(value);
      for (const missing of fallback?.unset ?? []) unset.add(missing);
      const resolved = this.#buildArgs.get(name) ?? fallback?.text ?? this.#globals.get(name);
      this.#args.delete(name); // the last declaration counts, its place too
      this.#args.set(name, resolved);
      values.push([name, resolved]);
    }
    return { values, unset };
  }

  #variables(): ReadonlyMap<string, string> {
    const variables = new Map<string, string>();
    for (const [name, value] of this.#args) if (value !== undefined) variables.set(name, value);
    for (const [name, value] of this.#env) variables.set(name, value);
    return variables;
  }
}
