import { EngineError, nearest } from '../std/index.ts';
import type { Keyword } from './instruction.ts';
import type { Word } from './words.ts';

type Kind = 'text' | 'switch' | 'texts';

/** Which flags each instruction has. */
const FLAGS: Readonly<Partial<Record<Keyword, Readonly<Record<string, Kind>>>>> = {
  ADD: {
    chown: 'text',
    chmod: 'text',
    link: 'switch',
    exclude: 'texts',
    checksum: 'text',
    'keep-git-dir': 'switch',
    unpack: 'switch',
  },
  COPY: { from: 'text', chown: 'text', chmod: 'text', link: 'switch', parents: 'switch', exclude: 'texts' },
  FROM: { platform: 'text' },
  HEALTHCHECK: {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  },
  RUN: { mount: 'texts', network: 'text', security: 'text', device: 'texts' },
};

/** A flag's problem and where in the line it stands. */
export class FlagError extends EngineError {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super('InvalidArgument', message);
    this.offset = offset;
  }
}

/** The flags of one instruction, by name. */
export interface Flags {
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  /** Undefined where it was not given. */
  switch(name: string): boolean | undefined;
  /** Where the flag stands in the line. */
  offset(name: string): number;
}

/** Checks flags against what `keyword` has. Throws {@link FlagError}. */
export function readFlags(keyword: Keyword, words: readonly Word[]): Flags {
  const known = FLAGS[keyword] ?? {};
  const given = new Map<string, { values: string[]; offset: number }>();
  for (const { text, offset } of words) {
    const equals = text.indexOf('=');
    const name = text.slice(2, equals < 0 ? undefined : equals);
    const kind = Object.hasOwn(known, name) ? (known[name] as Kind) : undefined;
    if (kind === undefined) throw unknownFlag(keyword, name, Object.keys(known), offset);
    if (equals < 0 && kind !== 'switch') throw new FlagError(`the flag --${name} needs a value: --${name}=…`, offset);
    const value = equals < 0 ? 'true' : text.slice(equals + 1);
    if (kind === 'switch' && !/^(?:true|false)$/i.test(value)) {
      throw new FlagError(`the flag --${name} is true or false, not ${JSON.stringify(value)}`, offset);
    }
    const before = given.get(name);
    if (before && kind !== 'texts') throw new FlagError(`the flag --${name} is given twice`, offset);
    if (before) before.values.push(value);
    else given.set(name, { values: [value], offset });
  }
  return {
    text: (name) => given.get(name)?.values[0],
    texts: (name) => given.get(name)?.values ?? [],
    switch: (name) => (given.has(name) ? given.get(name)?.values[0]?.toLowerCase() === 'true' : undefined),
    offset: (name) => given.get(name)?.offset ?? 0,
  };
}

function unknownFlag(keyword: Keyword, name: string, known: readonly string[], offset: number): FlagError {
  if (known.length === 0) return new FlagError(`${keyword} has no flags, and so no --${name}`, offset);
  const meant = nearest(name, known);
  const hint = meant === undefined ? `it has --${known.join(', --')}` : `did you mean --${meant}?`;
  return new FlagError(`${keyword} has no flag --${name}; ${hint}`, offset);
}
