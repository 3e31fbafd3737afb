/** One way to authenticate that a server offers. Parameter names are lower case. */
export interface Challenge {
  /** Lower case: `basic`, `bearer`. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const VALUE = /[^\s,"]+/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const SPACE = /[ \t]*/y;
const SEPARATORS = /[ \t,]*/y;

/**
 * Reads `WWW-Authenticate` headers (RFC 9110, 11.6.1): several challenges may share one, separated by the same commas as their parameters.
 * What can't be read ends the list.
 */
export function parseChallenges(headers: string | readonly string[] | undefined): Challenge[] {
  return [headers ?? []].flat().flatMap(parseHeader);
}

function parseHeader(text: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return undefined;
    at = pattern.lastIndex;
    return match;
  };
  for (take(SEPARATORS); at < text.length; take(SEPARATORS)) {
    const word = take(TOKEN)?.[0];
    if (word === undefined) break;
    const afterWord = at;
    take(SPACE);
    const current = challenges.at(-1);
    if (text[at] !== '=' || !current) {
      // Not a parameter, so the next challenge's scheme.
      at = afterWord;
      challenges.push({ scheme: word.toLowerCase(), parameters: new Map() });
      continue;
    }
    at += 1;
    take(SPACE);
    const quoted = take(QUOTED);
    const value = quoted ? quoted[1]?.replace(/\\(.)/g, '$1') : (take(VALUE)?.[0] ?? '');
    const name = word.toLowerCase();
    // Of two equal parameters the first counts: who appended the second is not who wrote the header.
    if (!current.parameters.has(name)) current.parameters.set(name, value ?? '');
  }
  return challenges;
}
