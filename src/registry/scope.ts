import type { Action } from './policy.ts';
import { isRepository } from './router.ts';

const MAX_SCOPES = 64;

/** One entry of a token's `access` claim (distribution's token specification, "Resource Scope"). */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** `repository:team/app:pull,push registry:catalog:*`; what can't be understood is left out. */
export function parseScopes(texts: readonly string[]): Access[] {
  const scopes: Access[] = [];
  for (const text of texts.flatMap((each) => each.split(' ')).slice(0, MAX_SCOPES)) {
    const match = /^(repository|registry):([^\s:]+):([a-z*]+(?:,[a-z*]+)*)$/.exec(text);
    if (!match) continue;
    const [, type, name, actions] = match as unknown as [string, string, string, string];
    if (type === 'repository' ? isRepository(name) : name === 'catalog')
      scopes.push({ type, name, actions: actions.split(',') });
  }
  return scopes;
}

/** Those of the actions asked for that `may` allows. Entries with none left are dropped: their token says so by their absence. */
export function grantedAccess(
  asked: readonly Access[],
  may: (action: Action, repository: string | undefined) => boolean,
): Access[] {
  return asked.flatMap(({ type, name, actions }) => {
    const granted = actionsOf(type, actions).filter((action) => may(action, type === 'registry' ? undefined : name));
    const words = type === 'registry' ? granted.map(() => '*') : granted;
    return granted.length === 0 ? [] : [{ type, name, actions: words }];
  });
}

/** What a token with these entries may be used for. */
export function scopeOf(access: readonly Access[]): (action: Action, repository: string | undefined) => boolean {
  return (action, repository) =>
    access.some(({ type, name, actions }) =>
      repository === undefined
        ? action === 'list' && type === 'registry' && name === 'catalog' && actions.includes('*')
        : type === 'repository' && name === repository && (actions.includes(action) || actions.includes('*')),
    );
}

/** As it stands in a challenge. Who pushes reads first whether it is there. */
export function scopeText(action: Action, repository: string | undefined): string {
  if (repository === undefined) return 'registry:catalog:*';
  return `repository:${repository}:${action === 'push' ? 'pull,push' : action}`;
}

function actionsOf(type: string, words: readonly string[]): Action[] {
  if (type === 'registry') return words.includes('*') ? ['list'] : [];
  const all: readonly Action[] = ['pull', 'push', 'delete'];
  return all.filter((action) => words.includes(action) || words.includes('*'));
}
