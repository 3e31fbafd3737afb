import { EngineError } from '../std/index.ts';
import { matchesPath, type PathPattern, parsePathPattern } from './path-pattern.ts';
import { trim } from './space.ts';

interface Rule {
  readonly pattern: PathPattern;
  /** `!`: what it matches is in again. */
  readonly exception: boolean;
  /** The pattern without wildcards at its beginning, which a folder has to lie on the way to. */
  readonly literal: string;
}

/** What a path's ancestors matched, so that a walk asks each pattern once a folder. */
export type IgnoreState = readonly boolean[];

/** The rules of a `.dockerignore`, in order; the last that matches a path decides. */
export interface IgnoreRules {
  /** Whether `path`, relative and with slashes, is left out, and what its children are to be asked with. */
  test(path: string, parent?: IgnoreState): { ignored: boolean; state: IgnoreState };
  /** Whether something below an ignored folder may be in again. */
  mayHold(folder: string): boolean;
  readonly size: number;
}

/** Reads a `.dockerignore`: reference, ".dockerignore file". Case counts, whatever the file system. Throws InvalidArgument for a bad pattern. */
export function parseIgnore(text: string): IgnoreRules {
  return ignoreRules(ignorePatterns(text));
}

/** The patterns of a `.dockerignore` as moby reads them: comments gone, cleaned, without a slash at the beginning. */
function ignorePatterns(text: string): string[] {
  const patterns: string[] = [];
  for (const line of (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n')) {
    if (line.startsWith('#')) continue;
    const trimmed = trim(line);
    if (trimmed === '') continue;
    const exception = trimmed.startsWith('!');
    const pattern = trim(exception ? trimmed.slice(1) : trimmed);
    if (pattern === '') {
      if (exception) throw new EngineError('InvalidArgument', '.dockerignore: "!" needs a pattern');
      continue;
    }
    const clean = cleanPath(pattern);
    patterns.push((exception ? '!' : '') + (clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean));
  }
  return patterns;
}

/** Rules from patterns as `--exclude` has them, `!` before an exception. Throws InvalidArgument for a bad pattern. */
export function ignoreRules(patterns: readonly string[]): IgnoreRules {
  const rules = patterns.map((text): Rule => {
    const exception = text.startsWith('!');
    const bare = exception ? text.slice(1) : text;
    parsePathPattern(bare, { deep: false }); // what Go refuses is refused, though `**` could be read
    return { pattern: parsePathPattern(bare), exception, literal: literalOf(bare) };
  });
  const exceptions = rules.filter(({ exception }) => exception);
  return {
    size: rules.length,
    test: (path, parent) => test(rules, path, parent ?? ancestors(rules, path)),
    mayHold: (folder) =>
      exceptions.some(({ literal }) => literal.startsWith(`${folder}/`) || `${folder}/`.startsWith(literal)),
  };
}

/** As moby's MatchesUsingParentResults: a pattern that matched an ancestor matches all below it. */
function test(rules: readonly Rule[], path: string, parent: IgnoreState): { ignored: boolean; state: IgnoreState } {
  let ignored = false;
  const state = rules.map(({ pattern, exception }, index) => {
    // What is out already needs no second reason, and what is in no exception.
    const matches = parent[index] === true || (exception === ignored && matchesPath(pattern, path));
    if (matches) ignored = !exception;
    return matches;
  });
  return { ignored, state };
}

function ancestors(rules: readonly Rule[], path: string): IgnoreState {
  let state: IgnoreState = [];
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    state = test(rules, path.slice(0, slash), state).state;
  }
  return state;
}

function literalOf(pattern: string): string {
  const special = pattern.search(/[*?[\\]/);
  return special < 0 ? pattern : pattern.slice(0, special);
}

/** Go's `path.Clean`: no empty part, no `.`, and `..` takes the part before it. */
export function cleanPath(path: string): string {
  const absolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!absolute) parts.push('..');
  }
  return (absolute ? '/' : '') + parts.join('/') || '.';
}
