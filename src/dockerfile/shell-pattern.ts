import { EngineError } from '../std/index.ts';

/** POSIX, "Pattern Matching Notation", without brackets: a character, `?` or `*`. */
export type ShellPattern = readonly { readonly kind: 'one' | 'any' | 'many'; readonly character?: string }[];

/** Reads a pattern of `${a#p}`, where a backslash makes `*`, `?` and itself plain, and `}` and `/` part of it. */
export function parseShellPattern(text: string): ShellPattern {
  const pattern: { kind: 'one' | 'any' | 'many'; character?: string }[] = [];
  const characters = [...text];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    if (character === '*') {
      if (pattern.at(-1)?.kind !== 'many') pattern.push({ kind: 'many' });
    } else if (character === '?') pattern.push({ kind: 'any' });
    else if (character !== '\\') pattern.push({ kind: 'one', character });
    else {
      const next = characters[++at];
      if (next === undefined || !'*?\\}/'.includes(next)) {
        throw new EngineError(
          'InvalidArgument',
          `invalid escape \\${next ?? ''} in the pattern ${JSON.stringify(text)}`,
        );
      }
      pattern.push({ kind: 'one', character: next });
    }
  }
  return pattern;
}

/** `value` without the shortest or longest prefix that the pattern matches. */
export function matchPrefix(pattern: ShellPattern, value: string, longest: boolean): string {
  const characters = [...value];
  const ends = endsOf(pattern, characters);
  const end = longest ? ends.at(-1) : ends[0];
  return end === undefined ? value : characters.slice(end).join('');
}

/** `value` without the shortest or longest suffix that the pattern matches. */
export function matchSuffix(pattern: ShellPattern, value: string, longest: boolean): string {
  const characters = [...value];
  const ends = endsOf(pattern.toReversed(), characters.toReversed());
  const end = longest ? ends.at(-1) : ends[0];
  return end === undefined ? value : characters.slice(0, characters.length - end).join('');
}

/** `value` with the first match, or all of them, replaced: leftmost, then longest. */
export function replacePattern(
  pattern: ShellPattern,
  value: string,
  { by, all, limit }: { by: string; all: boolean; limit: number },
): string {
  const characters = [...value];
  const parts: string[] = [];
  let size = 0;
  let from = 0;
  while (from <= characters.length) {
    const match = leftmost(pattern, characters, from);
    if (match === undefined) break;
    const part = characters.slice(from, match.start).join('') + by;
    size += part.length;
    if (size > limit) throw new EngineError('InvalidArgument', `a word expands to more than ${limit} characters`);
    parts.push(part);
    from = match.end;
    if (!all) break;
    if (match.end === match.start) {
      // An empty match: what it stands before is kept, and the search goes on behind it.
      if (from < characters.length) parts.push(characters[from] as string);
      from++;
    }
  }
  return parts.join('') + characters.slice(from).join('');
}

/** Lengths of the prefixes of `characters` that the whole pattern matches, ascending. All states at once, so that no pattern takes long. */
function endsOf(pattern: ShellPattern, characters: readonly string[]): number[] {
  const ends: number[] = [];
  let states = closure(pattern, [0]);
  for (let at = 0; ; at++) {
    if (states.at(-1) === pattern.length) ends.push(at);
    if (at === characters.length || states.length === 0) return ends;
    states = closure(pattern, step(pattern, states, characters[at] as string));
  }
}

/** Ascending and without repeats, as what it is given. */
function closure(pattern: ShellPattern, states: readonly number[]): number[] {
  const reached: number[] = [];
  for (const state of states) {
    if (reached.at(-1) !== state) reached.push(state);
    if (pattern[state]?.kind === 'many') reached.push(state + 1); // no two `*` stand together
  }
  return reached;
}

function step(pattern: ShellPattern, states: readonly number[], character: string): number[] {
  const next: number[] = [];
  for (const state of states) {
    const element = pattern[state];
    if (element === undefined || !takes(element, character)) continue;
    const to = element.kind === 'many' ? state : state + 1;
    if (next.at(-1) !== to) next.push(to);
  }
  return next;
}

/** As Go's `.`, which BuildKit translates them to, neither wildcard takes a line feed. */
function takes({ kind, character: wanted }: ShellPattern[number], character: string): boolean {
  return kind === 'one' ? wanted === character : character !== '\n';
}

/** The leftmost match from `from` on, and of those the longest: one pass, in which each state knows where it began. */
function leftmost(
  pattern: ShellPattern,
  characters: readonly string[],
  from: number,
): { start: number; end: number } | undefined {
  let found: { start: number; end: number } | undefined;
  let starts: (number | undefined)[] = [];
  for (let at = from; ; at++) {
    if (found === undefined) starts[0] = Math.min(starts[0] ?? at, at);
    for (const [state, element] of pattern.entries()) {
      const start = starts[state];
      if (element.kind === 'many' && start !== undefined)
        starts[state + 1] = Math.min(starts[state + 1] ?? start, start);
    }
    const start = starts[pattern.length];
    if (start !== undefined && (found === undefined || start <= found.start)) found = { start, end: at };
    if (at === characters.length) return found;
    const next: (number | undefined)[] = [];
    let alive = false;
    for (const [state, element] of pattern.entries()) {
      const begun = starts[state];
      if (begun === undefined || (found && begun > found.start) || !takes(element, characters[at] as string)) continue;
      const to = element.kind === 'many' ? state : state + 1;
      next[to] = Math.min(next[to] ?? begun, begun);
      alive = true;
    }
    if (found && !alive) return found;
    starts = next;
  }
}
