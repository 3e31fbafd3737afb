import { ProtocolError } from './errors.ts';

/** What a request does to a repository; `list` is about the whole registry. */
export type Action = 'pull' | 'push' | 'delete' | 'list';

/** Who asks. Anonymous where there is no user. */
export interface Caller {
  readonly user?: string;
}

/** Whether `caller` may do `action`; the one place that is asked, by every end point and for every repository that it touches. */
export type Policy = (caller: Caller, action: Action, repository: string | undefined) => boolean;

/** Users may do everything, others nothing, or pull. */
export function usersOnly({ anonymousPull = false }: { anonymousPull?: boolean } = {}): Policy {
  return (caller, action) => caller.user !== undefined || (anonymousPull && action === 'pull');
}

/** A registry without users. */
export const everybody: Policy = () => true;

/** Refuses in the way that the caller can use: with a challenge where a login may help. Says nothing of what exists. */
export function refuse(caller: Caller, action: Action, repository: string | undefined, challenge: string): never {
  const what = repository === undefined ? action : `${action} ${repository}`;
  if (caller.user === undefined) {
    throw new ProtocolError('UNAUTHORIZED', `authentication is required to ${what}`, {
      headers: { 'www-authenticate': challenge },
    });
  }
  throw new ProtocolError('DENIED', `${caller.user} may not ${what}`);
}
