import type { IncomingMessage, ServerResponse } from 'node:http';
import { readAll } from '../std/index.ts';
import type { Account, Credentials } from './credentials.ts';
import { ProtocolError } from './errors.ts';
import { basicCaller, unauthorized } from './login.ts';
import { isAllowed, type Policy } from './policy.ts';
import { grantedAccess, parseScopes } from './scope.ts';
import type { TokenIssuer } from './tokens.ts';

const MAX_FORM = 64 * 1024;
const CHALLENGE = 'Basic realm="token", charset="UTF-8"';

/** What the token server knows. */
export interface TokenServer {
  readonly credentials: Credentials;
  readonly tokens: TokenIssuer;
  readonly policy: Policy;
  readonly service: string;
}

/**
 * Gives tokens: GET as distribution's token specification has it ("Token Authentication Specification"), POST as its OAuth 2 form ("OAuth2 Token
 * Authentication"). A token holds what was asked for as far as its owner may do it now, and each use asks again.
 */
export async function serveToken(
  server: TokenServer,
  { request, response, search }: { request: IncomingMessage; response: ServerResponse; search: string },
): Promise<string | undefined> {
  switch (request.method) {
    case 'GET': {
      const query = new URLSearchParams(search);
      const account = await basicAccount(server, request);
      const wantsRefresh = query.get('offline_token') === 'true';
      return answer(server, response, { account, query, wantsRefresh });
    }
    case 'POST': {
      const form = new URLSearchParams((await readAll(request, { limit: MAX_FORM, what: 'form' })).toString('utf8'));
      const account = await formAccount(server, request, form);
      const wantsRefresh = form.get('access_type') === 'offline' || form.get('grant_type') === 'refresh_token';
      return answer(server, response, { account, query: form, wantsRefresh });
    }
    default:
      throw new ProtocolError('UNSUPPORTED', `${request.method} is not possible here`, {
        headers: { allow: 'GET, POST' },
      });
  }
}

function answer(
  { tokens, policy, service }: TokenServer,
  response: ServerResponse,
  { account, query, wantsRefresh }: { account: Account | undefined; query: URLSearchParams; wantsRefresh: boolean },
): string | undefined {
  const asked = query.get('service');
  if (asked !== null && asked !== service) {
    throw new ProtocolError('DENIED', `tokens here are for ${service}`, { status: 400 });
  }
  const caller = account?.caller ?? {};
  const access = grantedAccess(parseScopes(query.getAll('scope')), (action, repository) =>
    isAllowed(policy, caller, action, repository),
  );
  const token = tokens.accessToken(account, access);
  const body = Buffer.from(
    JSON.stringify({
      token,
      access_token: token,
      expires_in: tokens.life,
      issued_at: new Date().toISOString(),
      scope: access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' '),
      ...(account && wantsRefresh && { refresh_token: tokens.refreshToken(account) }),
    }),
  );
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store', // RFC 6749, 5.1
  });
  response.end(body);
  return caller.user;
}

async function basicAccount({ credentials }: TokenServer, request: IncomingMessage): Promise<Account | undefined> {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const { user } = await basicCaller(credentials, header, { request, challenge: CHALLENGE });
  return user === undefined ? undefined : credentials.find(user);
}

async function formAccount(
  { credentials, tokens }: TokenServer,
  request: IncomingMessage,
  form: URLSearchParams,
): Promise<Account> {
  const kind = form.get('grant_type');
  const account =
    kind === 'refresh_token'
      ? tokens.accountOf(form.get('refresh_token') ?? '')
      : kind === 'password'
        ? await credentials.verify(
            form.get('username') ?? '',
            form.get('password') ?? '',
            request.socket.remoteAddress ?? '',
          )
        : undefined;
  if (account) return account;
  if (kind !== 'password' && kind !== 'refresh_token') {
    throw new ProtocolError('UNSUPPORTED', 'grant_type must be password or refresh_token', { status: 400 });
  }
  throw unauthorized(
    kind === 'password' ? 'user or password is wrong' : 'the refresh token is not valid, or not any more',
    CHALLENGE,
  );
}
