import { EngineError } from '../std/index.ts';
import { ProtocolError } from './errors.ts';
import { globOf } from './glob.ts';

/** What a request does to a repository; `list` is about the whole registry. */
export type Action = 'pull' | 'push' | 'delete' | 'list';

const ACTIONS: ReadonlySet<unknown> = new Set<Action>(['pull', 'push', 'delete', 'list']);

export function isAction(value: unknown): value is Action {
  return ACTIONS.has(value);
}

/** Actions in repositories, by pattern. */
export interface Grant {
  readonly repositories: readonly string[];
  readonly actions: readonly Action[];
}

/** Who asks. Anonymous where there is no user. */
export interface Caller {
  readonly user?: string;
  /** What a robot may, instead of what the rules say. */
  readonly grants?: readonly Grant[];
  /** What a token is limited to; without one, nothing more than the rules limits the caller. */
  readonly scope?: (action: Action, repository: string | undefined) => boolean;
}

/** Whether `caller` may do `action`; the one place that is asked, by every end point and for every repository that it touches. */
export type Policy = (caller: Caller, action: Action, repository: string | undefined) => boolean;

/** Users may do everything, others nothing, or pull. */
export function usersOnly({ anonymousPull = false }: { anonymousPull?: boolean } = {}): Policy {
  return (caller, action) => caller.user !== undefined || (anonymousPull && action === 'pull');
}

/** A registry without users. */
export const everybody: Policy = () => true;

/** Lets somebody do something somewhere. What no rule allows is refused. */
export interface AccessRule {
  /** Users, `robot/NAME`, `group:NAME`, `users` for everyone with a name, `anyone` for everyone. */
  readonly who: readonly string[];
  /** Patterns; `{user}` in them is the caller's own name. */
  readonly repositories: readonly string[];
  readonly actions: readonly Action[];
}

/** Rules of (who, repositories, actions). Throws InvalidArgument for groups that are not there. */
export function accessPolicy(
  rules: readonly AccessRule[],
  { groups = {} }: { groups?: Readonly<Record<string, readonly string[]>> } = {},
): Policy {
  const compiled = rules.map(({ who, repositories, actions }) => {
    const names = new Set(who.flatMap((name) => membersOf(name, groups)));
    return { names, fits: repositories.map(repositoryPattern), actions: new Set<Action>(actions) };
  });
  return ({ user }, action, repository) =>
    compiled.some(
      ({ names, fits, actions }) =>
        actions.has(action) &&
        (names.has('anyone') || (user !== undefined && (names.has('users') || names.has(user)))) &&
        (repository === undefined ? action === 'list' : fits.some((fitsName) => fitsName(repository, user))),
    );
}

/** The policy as a caller meets it: a robot has its own grants, and a token never allows more than its owner may at this moment. */
export function isAllowed(policy: Policy, caller: Caller, action: Action, repository: string | undefined): boolean {
  if (caller.scope && !caller.scope(action, repository)) return false;
  return caller.grants ? grantsAllow(caller.grants, action, repository) : policy(caller, action, repository);
}

/** Refuses in the way that the caller can use: with a challenge where a login may help. Says nothing of what exists. */
export function refuse(
  caller: Caller,
  action: Action,
  repository: string | undefined,
  { challenge, mayWithToken }: { challenge: string; mayWithToken: boolean },
): never {
  const what = repository === undefined ? action : `${action} ${repository}`;
  if (caller.user === undefined || mayWithToken) {
    const message = mayWithToken ? `the token is not for ${what}` : `authentication is required to ${what}`;
    throw new ProtocolError('UNAUTHORIZED', message, { headers: { 'www-authenticate': challenge } });
  }
  throw new ProtocolError('DENIED', `${caller.user} may not ${what}`);
}

function grantsAllow(grants: readonly Grant[], action: Action, repository: string | undefined): boolean {
  return grants.some(
    ({ repositories, actions }) =>
      actions.includes(action) &&
      (repository === undefined
        ? action === 'list'
        : repositories.some((pattern) => compiledGlob(pattern)(repository))),
  );
}

const globs = new Map<string, (name: string) => boolean>();

function compiledGlob(pattern: string): (name: string) => boolean {
  let found = globs.get(pattern);
  if (!found) {
    if (globs.size >= 1000) globs.clear();
    found = globOf(pattern);
    globs.set(pattern, found);
  }
  return found;
}

function membersOf(name: string, groups: Readonly<Record<string, readonly string[]>>): readonly string[] {
  if (!name.startsWith('group:')) return [name];
  const group = name.slice('group:'.length);
  if (!Object.hasOwn(groups, group))
    throw new EngineError('InvalidArgument', `a rule names group ${group}, which is not there`);
  return groups[group] as readonly string[];
}

function repositoryPattern(pattern: string): (repository: string, user: string | undefined) => boolean {
  if (!pattern.includes('{user}')) {
    const fits = globOf(pattern);
    return (repository) => fits(repository);
  }
  // A name that holds a pattern's own characters would reach further than itself.
  return (repository, user) =>
    user !== undefined && !/[*?{}]/.test(user) && compiledGlob(pattern.replaceAll('{user}', user))(repository);
}
