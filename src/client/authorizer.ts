import { EngineError, errorMessage, readAll } from '../std/index.ts';
import { checkLiteral, isLoopbackHost, type Reach } from './address.ts';
import type { Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import type { HttpResponse } from './http.ts';
import { showUrl } from './network-error.ts';
import { responseError } from './registry-error.ts';
import { type RetryPolicy, sendPersistently } from './retry.ts';
import type { Transport } from './transport.ts';

/** Keeps which token server a registry named, so that a change is noticed. */
export interface RealmMemory {
  get(registry: string): Promise<string | undefined>;
  set(registry: string, realm: string): Promise<void>;
}

export interface AuthorizerOptions {
  /** As people name it. */
  readonly registry: string;
  /** What is talked to for it, with its port. */
  readonly host: string;
  readonly transport: Transport;
  readonly policy: RetryPolicy;
  credentials(): Promise<Credentials | undefined>;
  /** How far the registry itself is. */
  reach(): Promise<Reach>;
  isInsecure(host: string): boolean;
  readonly realms?: RealmMemory | undefined;
}

/** Finds the Authorization header that one registry wants. Nothing of it is ever sent to another host than the registry and its token server. */
export interface Authorizer {
  /** The header for `scopes`, as far as earlier challenges told what is wanted; undefined before the first one. */
  header(scopes: readonly string[]): Promise<string | undefined>;
  /** Answers a 401 to a request that carried `refused`; throws Unauthenticated where there is nothing better to send. */
  answer(challenges: readonly Challenge[], scopes: readonly string[], refused: string | undefined): Promise<string>;
  /** Takes the secrets that this one knows out of a text. */
  redact(text: string): string;
}

interface Token {
  readonly value: string;
  readonly scopes: readonly string[];
  /** Milliseconds since 1970, from when on it is not used any more. */
  readonly deadline: number;
}

interface TokenServer {
  readonly realm: URL;
  readonly service: string | undefined;
}

const CLIENT_ID = 'overstrata';
const DEFAULT_LIFETIME = 60; // seconds; distribution's token specification
const MAX_TOKEN_ANSWER = 1 << 20;

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { registry } = options;
  const secrets = new Set<string>();
  const tokens: Token[] = [];
  const pending = new Map<string, Promise<Token>>();
  let mode: 'none' | 'basic' | TokenServer = 'none';
  let identityToken: string | undefined;
  let known: Promise<Credentials | undefined> | undefined;
  let helperProblem: unknown;

  const credentials = (): Promise<Credentials | undefined> => {
    // A helper that is broken must not stop what is public; it is named if a login turns out to be needed.
    known ??= options.credentials().then(
      (found) => {
        for (const secret of [found?.password, found?.identityToken, found?.registryToken])
          if (secret) secrets.add(secret);
        if (found?.password) secrets.add(basicOf(found).slice('Basic '.length));
        identityToken = found?.identityToken;
        return found;
      },
      (error: unknown) => {
        helperProblem = error;
        return undefined;
      },
    );
    return known;
  };
  const unauthenticated = (problem: string): EngineError =>
    new EngineError(
      'Unauthenticated',
      helperProblem
        ? `${registry} needs a login, and its credentials can't be read: ${errorMessage(helperProblem)}`
        : `${problem}: strata login ${registry}`,
      { cause: helperProblem },
    );

  const tokenFor = (server: TokenServer, scopes: readonly string[]): Promise<Token> => {
    const now = Date.now();
    const found = tokens.find((token) => token.deadline > now && scopes.every((scope) => covers(token.scopes, scope)));
    if (found) return Promise.resolve(found);
    const key = scopes.join(' ');
    const running = pending.get(key) ?? fetchToken(server, scopes).finally(() => pending.delete(key));
    pending.set(key, running);
    return running;
  };

  const fetchToken = async (server: TokenServer, scopes: readonly string[]): Promise<Token> => {
    const login = await credentials();
    const response = await askTokenServer(options, server, scopes, login, identityToken);
    const text = (await readAll(response.body, { limit: MAX_TOKEN_ANSWER, what: 'token' })).toString();
    if (response.status !== 200) {
      if (login && [400, 401, 403].includes(response.status)) {
        throw unauthenticated(`${registry} does not accept the stored login; log in again`);
      }
      const what = `get a token from ${showUrl(server.realm)}`;
      throw responseError(response.status, text, { registry, what }, redact);
    }
    const answer = parseAnswer(text, server.realm);
    secrets.add(answer.value);
    if (answer.refreshToken && identityToken) {
      identityToken = answer.refreshToken;
      secrets.add(answer.refreshToken);
    }
    // A tenth of the life is left for the way and for clocks that differ.
    const token = { value: answer.value, scopes, deadline: Date.now() + answer.lifetime * 900 };
    tokens.splice(0, tokens.length, ...tokens.filter(({ deadline }) => deadline > Date.now()), token);
    return token;
  };

  const redact = (text: string): string => [...secrets].reduce((rest, secret) => rest.replaceAll(secret, '***'), text);

  return {
    redact,
    async header(scopes) {
      if (mode === 'none') return undefined;
      const login = await credentials();
      if (login?.registryToken) return `Bearer ${login.registryToken}`;
      if (mode === 'basic') return login && basicOf(login);
      return `Bearer ${(await tokenFor(mode, scopes)).value}`;
    },
    async answer(challenges, scopes, refused) {
      const login = await credentials();
      const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
      if (login?.registryToken) {
        if (refused) throw unauthenticated(`${registry} does not accept the stored token; log in again`);
        mode = 'basic';
        return `Bearer ${login.registryToken}`;
      }
      if (bearer) {
        const server = await checkServer(options, bearer, mode, login !== undefined);
        mode = server;
        for (const [index, { value }] of [...tokens.entries()].reverse()) {
          if (refused === `Bearer ${value}`) tokens.splice(index, 1);
        }
        const asked = bearer.parameters.get('scope')?.split(' ').filter(Boolean) ?? [];
        return `Bearer ${(await tokenFor(server, [...new Set([...scopes, ...asked])].sort())).value}`;
      }
      if (challenges.some(({ scheme }) => scheme === 'basic')) {
        if (!login?.password) throw unauthenticated(`${registry} needs a login`);
        const header = basicOf(login);
        if (refused === header)
          throw unauthenticated(`${registry} does not accept the user name or password; log in again`);
        mode = 'basic';
        return header;
      }
      throw unauthenticated(
        `${registry} refuses access and does not say how to log in in a way that is understood here`,
      );
    },
  };
}

/** Whether a token for `held` is good for `wanted`: `repository:a:pull,push` is for `repository:a:pull`. */
function covers(held: readonly string[], wanted: string): boolean {
  const { name, actions } = splitScope(wanted);
  return held.some((scope) => {
    const own = splitScope(scope);
    return own.name === name && actions.every((action) => own.actions.includes(action));
  });
}

function splitScope(scope: string): { name: string; actions: string[] } {
  const at = scope.lastIndexOf(':');
  return { name: scope.slice(0, at), actions: scope.slice(at + 1).split(',') };
}

function basicOf({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}`;
}

/**
 * A realm is a place that passwords are sent to, chosen by whoever answers for the registry (CVE-2020-15157): https only, or plain on this machine
 * for a registry on it, or where the user called that host insecure; no inner address for a registry outside; and the same as ever.
 */
async function checkServer(
  options: AuthorizerOptions,
  { parameters }: Challenge,
  mode: 'none' | 'basic' | TokenServer,
  hasLogin: boolean,
): Promise<TokenServer> {
  const { registry } = options;
  const text = parameters.get('realm') ?? '';
  if (!URL.canParse(text)) throw refusedRealm(registry, 'which is no URL');
  const realm = new URL(text);
  if (realm.username || realm.password) throw refusedRealm(registry, 'which holds a user name');
  const mayBePlain = options.isInsecure(realm.host) || (isLoopbackHost(realm.host) && isLoopbackHost(options.host));
  if (realm.protocol !== 'https:' && !(realm.protocol === 'http:' && mayBePlain)) {
    throw refusedRealm(registry, `${showUrl(realm)}, which is not https`);
  }
  if (realm.host !== options.host) checkLiteral(realm.host, await options.reach());

  const place = realm.origin + realm.pathname;
  const before =
    typeof mode === 'object' ? mode.realm.origin + mode.realm.pathname : await options.realms?.get(registry);
  if (hasLogin && before !== undefined && before !== place) {
    throw refusedRealm(registry, `${showUrl(realm)}, where it was ${before} before; log in again if that is right`);
  }
  if (before === undefined) await options.realms?.set(registry, place);
  return { realm, service: parameters.get('service') };
}

function refusedRealm(registry: string, why: string): EngineError {
  return new EngineError(
    'PermissionDenied',
    `${registry} asks for credentials to be sent to a token server ${why}; refused`,
  );
}

/** distribution's token specification: GET with Basic or nothing, and OAuth2's POST for identity tokens. */
async function askTokenServer(
  options: AuthorizerOptions,
  { realm, service }: TokenServer,
  scopes: readonly string[],
  login: Credentials | undefined,
  identityToken: string | undefined,
): Promise<HttpResponse> {
  const reach = realm.host === options.host ? undefined : await options.reach();
  const send = { policy: options.policy, reach, isIdempotent: true };
  if (identityToken !== undefined) {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: CLIENT_ID,
      refresh_token: identityToken,
      scope: scopes.join(' '),
      ...(service !== undefined && { service }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = (): Uint8Array => Buffer.from(form.toString());
    return sendPersistently(options.transport, realm, { method: 'POST', headers, body }, send);
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  if (login?.username) url.searchParams.set('account', login.username);
  const headers: Record<string, string> = login?.password ? { authorization: basicOf(login) } : {};
  return sendPersistently(options.transport, url, { method: 'GET', headers }, send);
}

function parseAnswer(text: string, realm: URL): { value: string; lifetime: number; refreshToken?: string } {
  let answer: Record<string, unknown> = {};
  try {
    answer = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {}
  const { token, access_token: accessToken, expires_in: lifetime, refresh_token: refreshToken } = answer;
  const value = [token, accessToken].find((candidate) => typeof candidate === 'string' && candidate !== '');
  // What goes into a header must be no more than a token (RFC 6750, b64token).
  if (typeof value !== 'string' || !/^[\w.~+/=-]+$/.test(value)) {
    throw new EngineError('Unavailable', `the token server ${showUrl(realm)} sent no token`);
  }
  return {
    value,
    lifetime: typeof lifetime === 'number' && lifetime > 0 ? lifetime : DEFAULT_LIFETIME,
    ...(typeof refreshToken === 'string' && refreshToken && { refreshToken }),
  };
}
