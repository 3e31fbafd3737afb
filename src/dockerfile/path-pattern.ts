import { EngineError } from '../std/index.ts';

/** A part of a pattern: characters, what stands for some, or `**`. */
type Element =
  | { readonly kind: 'one'; readonly character: string }
  | { readonly kind: 'any' } // `?`: one character, no slash
  | { readonly kind: 'many' } // `*`: any number of them, no slash
  | { readonly kind: 'deep' } // `**`: any number of characters, slashes too
  | { readonly kind: 'folders' } // `**/`: nothing, or anything that ends with a slash
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** Go's `filepath.Match`, and `**` as moby's patternmatcher has it. */
export type PathPattern = readonly Element[];

/** Throws InvalidArgument for what Go calls a bad pattern. */
export function parsePathPattern(text: string, { deep = true }: { deep?: boolean } = {}): PathPattern {
  const pattern: Element[] = [];
  const characters = [...text];
  for (let at = 0; at < characters.length; ) {
    const character = characters[at++] as string;
    switch (character) {
      case '*':
        if (!deep || characters[at] !== '*') {
          if (pattern.at(-1)?.kind !== 'many') pattern.push({ kind: 'many' });
          break;
        }
        at++;
        pattern.push(deepElement(characters, at, pattern.length === 0));
        if (characters[at] === '/') at++;
        break;
      case '?':
        pattern.push({ kind: 'any' });
        break;
      case '[': {
        const { element, end } = parseClass(characters, at, text);
        pattern.push(element);
        at = end;
        break;
      }
      case '\\': {
        const next = characters[at++];
        if (next === undefined) throw bad(text, 'a backslash at its end escapes nothing');
        pattern.push({ kind: 'one', character: next });
        break;
      }
      default:
        pattern.push({ kind: 'one', character });
    }
  }
  return pattern;
}

/** `**` takes everything at the end, and at the beginning of what is plain else; before more, or a slash, whole folders. */
function deepElement(characters: readonly string[], at: number, first: boolean): Element {
  const slash = characters[at] === '/';
  const rest = characters.slice(slash ? at + 1 : at);
  const suffix = first && !slash && !rest.some((character) => '*?[]\\'.includes(character));
  return { kind: rest.length === 0 || suffix ? 'deep' : 'folders' };
}

/** Whether the pattern matches all of `path`. All states at once: no pattern takes long. */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  // For `folders` a second state means being within one, from where only a slash leads out.
  let states = new Set<number>();
  reach(pattern, states, 0);
  for (const character of path) {
    const next = new Set<number>();
    for (const state of states) step(pattern, next, state, character);
    if (next.size === 0) return false;
    states = next;
  }
  return states.has(pattern.length * 2);
}

/** States are twice the element's index, and one more within `folders`. */
function reach(pattern: PathPattern, states: Set<number>, state: number): void {
  for (let at = state; !states.has(at); at += 2) {
    states.add(at);
    const element = pattern[at / 2];
    if (element?.kind === 'folders') states.add(at + 1);
    if (element?.kind !== 'many' && element?.kind !== 'deep' && element?.kind !== 'folders') return;
  }
}

function step(pattern: PathPattern, next: Set<number>, state: number, character: string): void {
  const element = pattern[state >> 1];
  if (element === undefined) return;
  switch (element.kind) {
    case 'one':
      if (element.character === character) reach(pattern, next, state + 2);
      return;
    case 'any':
      if (character !== '/') reach(pattern, next, state + 2);
      return;
    case 'class':
      if (inClass(element, character)) reach(pattern, next, state + 2);
      return;
    case 'many':
      if (character !== '/') reach(pattern, next, state);
      return;
    case 'deep':
      reach(pattern, next, state);
      return;
    case 'folders':
      if (state % 2 === 0) return;
      next.add(state);
      if (character === '/') reach(pattern, next, state + 1);
      return;
  }
}

function inClass({ negated, ranges }: Extract<Element, { kind: 'class' }>, character: string): boolean {
  const code = character.codePointAt(0) as number;
  return ranges.some(([low, high]) => low <= code && code <= high) !== negated;
}

function parseClass(
  characters: readonly string[],
  from: number,
  text: string,
): { element: Extract<Element, { kind: 'class' }>; end: number } {
  let at = from;
  const negated = characters[at] === '^';
  if (negated) at++;
  const ranges: [number, number][] = [];
  const take = (): number => {
    let character = characters[at++];
    if (character === '\\') character = characters[at++];
    else if (character === '-' || character === ']')
      throw bad(text, `${JSON.stringify(character)} has to be escaped in its brackets`);
    if (character === undefined) throw bad(text, 'a bracket is not closed');
    return character.codePointAt(0) as number;
  };
  while (characters[at] !== ']' || ranges.length === 0) {
    const low = take();
    let high = low;
    if (characters[at] === '-') {
      at++;
      high = take();
    }
    ranges.push([low, high]);
  }
  return { element: { kind: 'class', negated, ranges }, end: at + 1 };
}

function bad(text: string, why: string): EngineError {
  return new EngineError('InvalidArgument', `bad pattern ${JSON.stringify(text)}: ${why}`);
}
