import type { Command, Program } from './command.ts';
import { type Completion, type Flag, type Flags, flagNameOf } from './flags.ts';
import { resolve, verbsOf } from './resolve.ts';

/** What the shell may offer: words with what they mean, or names of files. */
export interface Offer {
  readonly words: readonly { readonly word: string; readonly meaning?: string }[];
  readonly files: boolean;
}

/** Names of things in the store, for {@link completeWords}. */
export type Names = (kind: 'image' | 'container' | 'running' | 'volume') => Promise<readonly string[]>;

/** What may stand at the end of a command line: `words` are those after the program's name, the last one as far as it is typed. */
export async function completeWords(program: Program, words: readonly string[], names: Names): Promise<Offer> {
  const typed = words.slice(0, -1);
  const partial = words.at(-1) ?? '';
  const global = walk(typed, program.globals, false);
  if (global.wants) return value(global.wants, partial, names);
  if (global.rest.length === 0) {
    return partial.startsWith('-') ? flagOffer(program.globals, partial) : offer(programWords(program), partial);
  }
  const path = global.rest[0] === 'help' ? global.rest.slice(1) : global.rest;
  if (path.length === 0) return offer(programWords(program), partial);

  const resolved = tryResolve(program, path);
  if (!resolved) return NOTHING;
  if (resolved.kind === 'topic') {
    const subVerbs = verbsOf(program, resolved.topic);
    return offer(
      subVerbs.map(({ name, verb }) => ({ word: name, meaning: verb.summary })),
      partial,
    );
  }
  if (global.rest[0] === 'help') return NOTHING;
  const command = await resolved.verb.load();
  return verbOffer(command, resolved.rest, partial, names);
}

const NOTHING: Offer = { words: [], files: false };

async function verbOffer(command: Command, rest: readonly string[], partial: string, names: Names): Promise<Offer> {
  const state = walk(rest, command.flags, command.interspersed !== false);
  if (state.wants) return value(state.wants, partial, names);
  const inline = /^--([^=]+)=(.*)$/s.exec(partial);
  if (inline && !state.ended) {
    const flag = flagNamed(command.flags, `--${inline[1]}`);
    if (!flag) return NOTHING;
    const { words, files } = await value(flag, inline[2] as string, names);
    return { words: words.map(({ word, ...more }) => ({ word: `--${inline[1]}=${word}`, ...more })), files };
  }
  if (partial.startsWith('-') && !state.ended) return flagOffer(command.flags, partial);
  const places = command.complete ?? [];
  return place(places[Math.min(state.rest.length, places.length - 1)], partial, names);
}

/** Reads flags without judging them: which arguments remain, whether flags ended, and which flag waits for its value. */
function walk(
  words: readonly string[],
  flags: Flags,
  interspersed: boolean,
): { readonly rest: readonly string[]; readonly ended: boolean; readonly wants?: Flag } {
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (word === '--') return { rest: [...rest, ...words.slice(at + 1)], ended: true };
    if (!word.startsWith('-') || word === '-') {
      if (!interspersed) return { rest: words.slice(at), ended: true };
      rest.push(word);
      continue;
    }
    const flag = waiting(word, flags);
    if (!flag) continue;
    if (at + 1 === words.length) return { rest, ended: false, wants: flag };
    at++;
  }
  return { rest, ended: false };
}

/** The flag in `word` whose value is the next word. */
function waiting(word: string, flags: Flags): Flag | undefined {
  if (word.startsWith('--')) {
    const flag = flagNamed(flags, word);
    return flag && takesValue(flag) ? flag : undefined;
  }
  const letters = [...word.slice(1)];
  for (const [index, letter] of letters.entries()) {
    const flag = Object.values(flags).find(({ short }) => short === letter);
    if (flag && takesValue(flag)) return index === letters.length - 1 ? flag : undefined;
  }
  return undefined;
}

function takesValue(flag: Flag): boolean {
  return flag.kind !== 'boolean' && flag.kind !== 'optional';
}

function flagNamed(flags: Flags, name: string): Flag | undefined {
  return Object.entries(flags).find(
    ([key, flag]) => `--${flagNameOf(key)}` === name || flag.aliases?.some((alias) => `--${alias}` === name),
  )?.[1];
}

function tryResolve(program: Program, path: readonly string[]): ReturnType<typeof resolve> | undefined {
  try {
    return resolve(program, path);
  } catch {
    return undefined;
  }
}

function programWords(program: Program): { word: string; meaning: string }[] {
  const verbs = program.verbs.filter(({ hidden, names }) => !hidden && !names[0].includes(' '));
  const topics = program.topics.filter((topic) => verbsOf(program, topic).length > 0);
  return [
    ...verbs.map(({ names, summary }) => ({ word: names[0], meaning: summary })),
    ...topics.map(({ name, summary }) => ({ word: name, meaning: summary })),
    { word: 'help', meaning: 'Explain a command' },
  ];
}

function flagOffer(flags: Flags, partial: string): Offer {
  const shown = Object.entries(flags).filter(([, flag]) => !flag.hidden);
  return offer(
    [
      ...shown.map(([key, flag]) => ({ word: `--${flagNameOf(key)}`, meaning: flag.description })),
      { word: '--help', meaning: 'Explain this command' },
    ],
    partial,
  );
}

function value(flag: Flag, partial: string, names: Names): Promise<Offer> {
  return place(flag.complete ?? (flag.kind === 'string' ? flag.choices : undefined), partial, names);
}

async function place(completion: Completion | undefined, partial: string, names: Names): Promise<Offer> {
  if (completion === undefined) return NOTHING;
  if (completion === 'file') return { words: [], files: true };
  const words = typeof completion === 'string' ? await names(completion) : completion;
  return offer(
    words.map((word) => ({ word })),
    partial,
  );
}

function offer(words: Offer['words'], partial: string): Offer {
  return { words: words.filter(({ word }) => word.startsWith(partial)), files: false };
}
