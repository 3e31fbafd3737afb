import type { IncomingMessage } from 'node:http';
import type { Credentials } from './credentials.ts';
import { ProtocolError } from './errors.ts';
import type { Action, Caller } from './policy.ts';

const MAX_HEADER = 4096;

/** What a request would have needed. */
export interface Demand {
  readonly action: Action;
  readonly repository: string | undefined;
  /** The caller has a token, which is for something else. */
  readonly insufficient?: boolean;
}

/** Finds who asks. Throws UNAUTHORIZED for credentials that are wrong: those never count as anonymous. */
export interface Login {
  /** What a 401 asks for (RFC 9110, 11.6.1). */
  challenge(request: IncomingMessage, demand?: Demand): string;
  caller(request: IncomingMessage): Promise<Caller>;
}

/** Without users, everybody is anonymous. */
export const noLogin: Login = { challenge: () => 'Basic realm="registry"', caller: async () => ({}) };

/** Basic authentication (RFC 7617). */
export function basicLogin(
  credentials: Credentials,
  { realm = 'registry' }: { realm?: string | undefined } = {},
): Login {
  const challenge = `Basic realm="${realm.replace(/["\\]/g, '')}", charset="UTF-8"`;
  return {
    challenge: () => challenge,
    async caller(request) {
      const header = request.headers.authorization;
      return header === undefined ? {} : await basicCaller(credentials, header, { request, challenge });
    },
  };
}

/** Who an `Authorization: Basic …` header names. */
export async function basicCaller(
  credentials: Credentials,
  header: string,
  { request, challenge }: { request: IncomingMessage; challenge: string },
): Promise<Caller> {
  const found = parseBasic(header);
  if (found === undefined) throw unauthorized('the credentials are not of the Basic scheme', challenge);
  const { user, password } = found;
  if (user === '' && password === '') return {}; // what skopeo and podman send for nobody
  const account = await credentials.verify(user, password, request.socket.remoteAddress ?? '');
  if (!account) throw unauthorized('user or password is wrong', challenge);
  return account.caller;
}

export function unauthorized(message: string, challenge: string): ProtocolError {
  return new ProtocolError('UNAUTHORIZED', message, { headers: { 'www-authenticate': challenge } });
}

function parseBasic(header: string): { user: string; password: string } | undefined {
  const match = header.length > MAX_HEADER ? null : /^basic +([A-Za-z0-9+/_-]*=*) *$/i.exec(header);
  if (!match) return undefined;
  const text = Buffer.from(match[1] as string, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
