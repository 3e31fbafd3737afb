import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError, isErrno, writeFileAtomic } from '../std/index.ts';
import type { Account, Credentials } from './credentials.ts';
import { type Claims, signToken, tokenReader, verifyKeyOf } from './jwt.ts';
import type { Caller } from './policy.ts';
import { type Access, scopeOf } from './scope.ts';

const ISSUER = 'overstrata';
const ACCESS_LIFE = 300;
const REFRESH_LIFE = 30 * 24 * 3600;
const CLOCKS_DIFFER = 10;

/** Makes and reads this registry's own tokens. */
export interface TokenIssuer {
  /** Seconds that access tokens live. */
  readonly life: number;
  accessToken(account: Account | undefined, access: readonly Access[]): string;
  /** Good for further access tokens until the password changes. */
  refreshToken(account: Account): string;
  /** Who brings an access token; undefined where it is none of ours, has expired, or its owner is out. */
  callerOf(token: string): Caller | undefined;
  /** Whose refresh token it is. */
  accountOf(token: string): Account | undefined;
}

/** Tokens for `service`, signed by the key in `keyFile` (made where it is missing), or by one that ends with this process. */
export async function tokenIssuer(
  credentials: Credentials,
  {
    service,
    keyFile,
    life = ACCESS_LIFE,
  }: { service: string; keyFile?: string | undefined; life?: number | undefined },
): Promise<TokenIssuer> {
  const key = keyFile === undefined ? newKey() : await keyIn(keyFile);
  const verifyKey = verifyKeyOf(createPublicKey(key));
  const read = tokenReader([verifyKey], { issuer: ISSUER, audience: service });
  // Bound to the password without telling anything of its hash.
  const secret = key.export({ type: 'pkcs8', format: 'der' });
  const markOf = ({ hash, caller }: Account): string =>
    createHmac('sha256', secret).update(`${caller.user}\n${hash}`).digest('base64url').slice(0, 22);

  const make = (kind: 'access' | 'refresh', account: Account | undefined, seconds: number, more: Claims): string => {
    const now = Math.floor(Date.now() / 1000);
    const times = { iat: now, nbf: now - CLOCKS_DIFFER, exp: now + seconds };
    const owner = { sub: account?.caller.user ?? '', ...(account && { mark: markOf(account) }) };
    return signToken(
      { iss: ISSUER, aud: service, ...owner, ...times, jti: randomUUID(), kind, ...more },
      { key, id: verifyKey.id },
    );
  };
  /** Undefined for anonymous tokens, false where the owner is out. */
  const ownerOf = ({ sub, mark }: Claims): Account | undefined | false => {
    if (sub === '') return undefined;
    const account = typeof sub === 'string' ? credentials.find(sub) : undefined;
    return account && mark === markOf(account) ? account : false;
  };

  return {
    life,
    accessToken: (account, access) => make('access', account, life, { access }),
    refreshToken: (account) => make('refresh', account, REFRESH_LIFE, {}),
    callerOf(token) {
      const claims = read(token);
      if (claims?.['kind'] !== 'access') return undefined;
      const owner = ownerOf(claims);
      return owner === false ? undefined : { ...owner?.caller, scope: scopeOf(claims['access'] as Access[]) };
    },
    accountOf(token) {
      const claims = read(token);
      return claims?.['kind'] === 'refresh' ? ownerOf(claims) || undefined : undefined;
    },
  };
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

async function keyIn(file: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(file, 'utf8'));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) {
      throw new EngineError('DataLoss', `${file} holds no key for tokens; remove it, and everybody logs in again`, {
        cause: error,
      });
    }
  }
  const key = newKey();
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, key.export({ type: 'pkcs8', format: 'pem' }) as string, { mode: 0o600 });
  return key;
}
