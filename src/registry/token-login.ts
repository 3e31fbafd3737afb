import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Credentials } from './credentials.ts';
import { type TokenReader, tokenReader, verifyKeyOf } from './jwt.ts';
import { basicCaller, type Demand, type Login, unauthorized } from './login.ts';
import type { Action, Grant } from './policy.ts';
import { type Access, scopeOf, scopeText } from './scope.ts';
import type { TokenIssuer } from './tokens.ts';

/** Where tokens are had at this registry itself. */
export const TOKEN_PATH = '/token';

/** Bearer tokens of this registry's own token server; Basic is taken as well, by those who send it unasked. */
export function tokenLogin(
  credentials: Credentials,
  tokens: TokenIssuer,
  { service, publicUrl }: { service: string; publicUrl?: string | undefined },
): Login {
  const challenge = (request: IncomingMessage, demand?: Demand): string =>
    bearer(`${publicUrl ?? originOf(request)}${TOKEN_PATH}`, service, demand);
  return {
    challenge,
    async caller(request) {
      const header = request.headers.authorization;
      if (header === undefined) return {};
      const token = tokenIn(header);
      if (token === undefined)
        return await basicCaller(credentials, header, { request, challenge: challenge(request) });
      const caller = tokens.callerOf(token);
      if (!caller) throw unauthorized('the token is not valid, or not any more', challenge(request));
      return caller;
    },
  };
}

/** A token server elsewhere, believed by its public keys. It alone decides: what a token grants is allowed, and nothing else. */
export interface ExternalTokens {
  /** Where clients get tokens. */
  readonly realm: string;
  /** This registry's name there: the tokens' audience. */
  readonly service: string;
  readonly issuer: string;
  /** PEM: P-256 or RSA. */
  readonly keys: readonly string[];
}

export function externalTokenLogin({ realm, service, issuer, keys }: ExternalTokens): Login {
  const read: TokenReader = tokenReader(keys.map(verifyKeyOf), { issuer, audience: service });
  const challenge = (_request: IncomingMessage, demand?: Demand): string => bearer(realm, service, demand);
  return {
    challenge,
    async caller(request) {
      const header = request.headers.authorization;
      if (header === undefined) return { grants: [] };
      const claims = read(tokenIn(header) ?? '');
      if (!claims) throw unauthorized('the token is not valid', challenge(request));
      const access = (Array.isArray(claims['access']) ? claims['access'] : []).filter(isAccess);
      const user = typeof claims.sub === 'string' && claims.sub !== '' ? { user: claims.sub } : {};
      return { ...user, scope: scopeOf(access), grants: EVERYTHING };
    },
  };
}

const EVERYTHING: readonly Grant[] = [
  { repositories: ['**'], actions: ['pull', 'push', 'delete', 'list'] satisfies Action[] },
];

function bearer(realm: string, service: string, demand: Demand | undefined): string {
  const scope = demand && `,scope="${scopeText(demand.action, demand.repository)}"`;
  const error = demand?.insufficient ? ',error="insufficient_scope"' : '';
  return `Bearer realm="${quoted(realm)}",service="${quoted(service)}"${scope ?? ''}${error}`;
}

function tokenIn(header: string): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}

/** As the client sees us. Its own Host header says so, which reaches only itself; anything odd there is not repeated. */
function originOf({ socket, headers }: IncomingMessage): string {
  const scheme = socket instanceof TLSSocket ? 'https' : 'http';
  const { host = '' } = headers;
  const name = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/.test(host)
    ? host
    : `${socket.localAddress}:${socket.localPort}`;
  return `${scheme}://${name}`;
}

function quoted(text: string): string {
  return text.replace(/["\\\r\n]/g, '');
}

function isAccess(value: unknown): value is Access {
  const { type, name, actions } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof type === 'string' &&
    typeof name === 'string' &&
    Array.isArray(actions) &&
    actions.every((action) => typeof action === 'string')
  );
}
