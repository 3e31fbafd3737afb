import { nearest } from '../std/index.ts';
import type { Program, Topic, Verb } from './command.ts';
import { UsageError } from './usage-error.ts';

/** docker's exit code for a word that is no verb. */
const NO_SUCH_VERB = 1;

/** What the first words of a command line name; `path` is how they were typed, `rest` what follows them. */
export type Resolved =
  | { readonly kind: 'verb'; readonly verb: Verb; readonly path: string; readonly rest: readonly string[] }
  | { readonly kind: 'topic'; readonly topic: Topic; readonly rest: readonly string[] };

/** Finds the verb or the management word that `words` begin with. Throws UsageError with the nearest right one. */
export function resolve(program: Program, words: readonly string[]): Resolved {
  const [first = '', second] = words;
  const topic = program.topics.find(({ name }) => name === first);
  if (topic) {
    for (const length of [3, 2]) {
      const path = words.slice(0, length).join(' ');
      const verb = words.length >= length ? findVerb(program, path) : undefined;
      if (verb) return { kind: 'verb', verb, path, rest: words.slice(length) };
    }
    if (second === undefined || second.startsWith('-')) return { kind: 'topic', topic, rest: words.slice(1) };
    throw unknownVerb(
      `${first} ${second}`,
      subVerbs(program, first).map((name) => `${first} ${name}`),
      program,
    );
  }
  // `build history ls` stands beside `build PATH`.
  for (const length of [3, 2, 1]) {
    const path = words.slice(0, length).join(' ');
    const verb = words.length >= length ? findVerb(program, path) : undefined;
    if (verb) return { kind: 'verb', verb, path, rest: words.slice(length) };
  }
  const known = program.verbs.filter(({ hidden }) => !hidden).flatMap(({ names }) => names);
  throw unknownVerb(
    first,
    [...known.filter((name) => !name.includes(' ')), ...program.topics.map(({ name }) => name)],
    program,
  );
}

/** The verbs of a management word that help shows, by their word after it. */
export function verbsOf(program: Program, topic: Topic): { readonly name: string; readonly verb: Verb }[] {
  const found: { name: string; verb: Verb }[] = [];
  for (const verb of program.verbs) {
    const name = verb.names.find((candidate) => candidate.startsWith(`${topic.name} `));
    if (name !== undefined && !verb.hidden) found.push({ name: name.slice(topic.name.length + 1), verb });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function findVerb(program: Program, path: string): Verb | undefined {
  return program.verbs.find(({ names }) => names.includes(path));
}

/** Every word that may follow a management word. */
function subVerbs(program: Program, topic: string): string[] {
  return program.verbs
    .flatMap(({ names, hidden }) => (hidden ? [] : names))
    .filter((name) => name.startsWith(`${topic} `))
    .map((name) => name.slice(topic.length + 1));
}

function unknownVerb(path: string, known: readonly string[], program: Program): UsageError {
  const near = nearest(path, known);
  return new UsageError(`unknown command: ${program.name} ${path}`, {
    exitCode: NO_SUCH_VERB,
    ...(near ? { hint: `Did you mean ${program.name} ${near}?` } : {}),
  });
}
