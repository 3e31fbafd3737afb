import { randomBytes } from 'node:crypto';
import { ProtocolError } from './errors.ts';
import type { PasswordFile } from './htpasswd.ts';
import { LoginThrottle } from './login-throttle.ts';
import type { Caller } from './policy.ts';
import { quickHmac } from './quick-hmac.ts';
import { fitsSecret, isRobotUser, type RobotFile } from './robots.ts';

const REMEMBERED = 1000;
const REMEMBERED_FOR = 10 * 60_000;
const WAITING = 64;
/** Verified for users that don't exist, so that they take as long as those that do. */
const NOBODY = '$2y$10$abcdefghijklmnopqrstuuPLjEQjOI6n5HHr4M6aEfQiKS0DE5oCa';

/** Someone who has a password or secret now. */
export interface Account {
  readonly caller: Caller;
  /** Changes with the password or secret: what was derived from an older one counts no more. */
  readonly hash: string;
}

/** Users and robots, and what they prove themselves with. */
export interface Credentials {
  /** Undefined where user or password is wrong. Throws TOOMANYREQUESTS for an address with too many failures. */
  verify(user: string, password: string, address: string): Promise<Account | undefined>;
  find(user: string): Account | undefined;
}

/**
 * Passwords against bcrypt hashes, robots' secrets against SHA-256. A password that was verified is remembered for ten minutes as an HMAC
 * under a key that only this process has, together with the hash that it fitted: a changed or removed user is out at once.
 */
export function credentialsOf({ users, robots }: { users: PasswordFile; robots?: RobotFile | undefined }): Credentials {
  const markOf = quickHmac(randomBytes(32));
  const remembered = new Map<string, { readonly hash: string; readonly until: number }>();
  const verifying = new Map<string, Promise<boolean>>();
  const throttle = new LoginThrottle();

  const find = (user: string): Account | undefined => {
    if (isRobotUser(user)) {
      const robot = robots?.find(user);
      return robot && { hash: robot.hash, caller: { user, grants: robot.grants } };
    }
    const hash = users.hashOf(user);
    return hash === undefined ? undefined : { hash, caller: { user } };
  };

  const expectPatience = (address: string): void => {
    const seconds = throttle.wait(address);
    if (seconds > 0) throw tooMany('too many failed logins from this address', seconds);
  };

  /** Compares once for all requests that bring the same credentials at the same time. */
  const fitsPassword = async (
    mark: string,
    address: string,
    password: string,
    hash: string | undefined,
  ): Promise<boolean> => {
    const running = verifying.get(mark);
    if (running !== undefined) return await running;
    expectPatience(address);
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
    find,
    async verify(user, password, address) {
      if (isRobotUser(user)) {
        const robot = robots?.find(user);
        if (robot && fitsSecret(robot, password)) return find(user); // not limited: 256 bits are not guessed
        expectPatience(address);
        throttle.fail(address);
        return undefined;
      }
      const account = find(user);
      const hash = account?.hash;
      const mark = markOf(`${hash ?? ''}\n${user}:${password}`);
      const known = remembered.get(mark);
      if (known && known.hash === hash && known.until > performance.now()) return account;
      if (!(await fitsPassword(mark, address, password, hash)) || hash === undefined) return undefined;
      remembered.delete(mark);
      remembered.set(mark, { hash, until: performance.now() + REMEMBERED_FOR });
      for (const oldest of remembered.keys()) {
        if (remembered.size <= REMEMBERED) break;
        remembered.delete(oldest);
      }
      return account;
    },
  };
}

function tooMany(message: string, seconds: number): ProtocolError {
  return new ProtocolError('TOOMANYREQUESTS', message, { headers: { 'retry-after': String(seconds) } });
}
