import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ProtocolError } from './errors.ts';
import type { PasswordFile } from './htpasswd.ts';
import { LoginThrottle } from './login-throttle.ts';
import type { Caller } from './policy.ts';
import { quickHmac } from './quick-hmac.ts';

const REMEMBERED = 1000;
const REMEMBERED_FOR = 10 * 60_000;
const WAITING = 64;
/** Verified for users that don't exist, so that they take as long as those that do. */
const NOBODY = '$2y$10$abcdefghijklmnopqrstuuPLjEQjOI6n5HHr4M6aEfQiKS0DE5oCa';
const MAX_HEADER = 4096;

/** Finds who asks. Throws UNAUTHORIZED for credentials that are wrong: those never count as anonymous. */
export interface Login {
  readonly challenge: string;
  caller(request: IncomingMessage): Promise<Caller>;
}

/** Without users, everybody is anonymous. */
export const noLogin: Login = { challenge: 'Basic realm="registry"', caller: async () => ({}) };

/**
 * Basic authentication (RFC 7617) against bcrypt hashes. A password that was verified is remembered for ten minutes as an HMAC under a key
 * that only this process has, together with the hash that it fitted: a changed or removed user is out at once.
 */
export function basicLogin(users: PasswordFile, { realm = 'registry' }: { realm?: string } = {}): Login {
  const markOf = quickHmac(randomBytes(32));
  const remembered = new Map<string, { readonly hash: string; readonly until: number }>();
  const verifying = new Map<string, Promise<boolean>>();
  const throttle = new LoginThrottle();
  const challenge = `Basic realm="${realm.replace(/["\\]/g, '')}", charset="UTF-8"`;

  const refuse = (message: string): never => {
    throw new ProtocolError('UNAUTHORIZED', message, { headers: { 'www-authenticate': challenge } });
  };

  /** Compares once for all requests that bring the same credentials at the same time. */
  const verify = async (
    mark: string,
    address: string,
    password: string,
    hash: string | undefined,
  ): Promise<boolean> => {
    const running = verifying.get(mark);
    if (running !== undefined) return await running;
    const seconds = throttle.wait(address);
    if (seconds > 0) throw tooMany('too many failed logins from this address', seconds);
    if (verifying.size >= WAITING) throw tooMany('too many logins at once', 1);

    throttle.fail(address); // until it succeeds: many guesses at the same moment are many too
    const work = import('@node-rs/bcrypt').then(
      async (bcrypt) => (await bcrypt.verify(password, hash ?? NOBODY)) && hash !== undefined,
    );
    verifying.set(mark, work);
    try {
      const fits = await work;
      if (fits) throttle.forgive(address);
      return fits;
    } finally {
      verifying.delete(mark);
    }
  };

  return {
    challenge,
    async caller(request) {
      const header = request.headers.authorization;
      if (header === undefined) return {};
      const credentials = parseBasic(header);
      if (credentials === undefined) return refuse('the credentials are not of the Basic scheme');
      const { user, password } = credentials;
      if (user === '' && password === '') return {}; // what skopeo and podman send for nobody

      const hash = users.hashOf(user);
      const mark = markOf(`${hash ?? ''}\n${user}:${password}`);
      const known = remembered.get(mark);
      if (known && known.hash === hash && known.until > performance.now()) return { user };

      const address = request.socket.remoteAddress ?? '';
      if (!(await verify(mark, address, password, hash)) || hash === undefined) {
        return refuse('user or password is wrong');
      }
      remembered.delete(mark);
      remembered.set(mark, { hash, until: performance.now() + REMEMBERED_FOR });
      for (const oldest of remembered.keys()) {
        if (remembered.size <= REMEMBERED) break;
        remembered.delete(oldest);
      }
      return { user };
    },
  };
}

function tooMany(message: string, seconds: number): ProtocolError {
  return new ProtocolError('TOOMANYREQUESTS', message, { headers: { 'retry-after': String(seconds) } });
}

function parseBasic(header: string): { user: string; password: string } | undefined {
  const match = header.length > MAX_HEADER ? null : /^basic +([A-Za-z0-9+/_-]*=*) *$/i.exec(header);
  if (!match) return undefined;
  const text = Buffer.from(match[1] as string, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
