import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

const MAX_LENGTH = 8192;
const REMEMBERED = 1000;

/** Registered claims (RFC 7519, 4.1), and whatever else a token says. */
export interface Claims {
  readonly iss?: unknown;
  readonly sub?: unknown;
  readonly aud?: unknown;
  readonly exp?: unknown;
  readonly nbf?: unknown;
  readonly [name: string]: unknown;
}

/** A public key that tokens are believed by, and the one algorithm that it is for. */
export interface VerifyKey {
  readonly id: string;
  readonly algorithm: 'ES256' | 'RS256';
  readonly key: KeyObject;
}

/** From PEM or a key. Throws RangeError for keys of other kinds. */
export function verifyKeyOf(source: string | KeyObject): VerifyKey {
  const key = typeof source === 'string' ? createPublicKey(source) : source;
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const isEcdsa = asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1';
  const isRsa = asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
  if (!isEcdsa && !isRsa) throw new RangeError('tokens are signed by keys on P-256 or RSA of 2048 bits and more');
  const id = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { id, algorithm: isEcdsa ? 'ES256' : 'RS256', key };
}

/** A JWS in compact form (RFC 7515), by ES256. */
export function signToken(claims: Claims, { key, id }: { key: KeyObject; id: string }): string {
  const head = encode({ alg: 'ES256', typ: 'JWT', kid: id });
  const text = `${head}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

/** Reads tokens that one of `keys` signed and that are valid now; undefined for all others. */
export type TokenReader = (token: string) => Claims | undefined;

/**
 * Keys come from `keys` alone: what a token's header says of keys (`jwk`, `jku`, `x5c`) is not looked at, its `kid` only chooses among ours,
 * and its `alg` has to be the key's own. A token that was verified is remembered until it expires.
 */
export function tokenReader(
  keys: readonly VerifyKey[],
  { issuer, audience }: { issuer: string; audience: string },
): TokenReader {
  const verified = new Map<string, Claims>();
  return (token) => {
    const known = verified.get(token);
    const claims = known ?? verifiedClaims(token, keys);
    if (!claims || !isForUs(claims, issuer, audience) || !isCurrent(claims)) {
      verified.delete(token);
      return undefined;
    }
    if (!known) {
      verified.set(token, claims);
      for (const oldest of verified.keys()) {
        if (verified.size <= REMEMBERED) break;
        verified.delete(oldest);
      }
    }
    return claims;
  };
}

function verifiedClaims(token: string, keys: readonly VerifyKey[]): Claims | undefined {
  const match = token.length > MAX_LENGTH ? null : /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token);
  if (!match) return undefined;
  const [, head, payload, signature] = match as unknown as [string, string, string, string];
  const header = decode(head);
  if (!header || header['crit'] !== undefined) return undefined;
  const text = Buffer.from(`${head}.${payload}`);
  const bytes = Buffer.from(signature, 'base64url');
  const isSigned = keys.some(
    ({ id, algorithm, key }) =>
      header['alg'] === algorithm &&
      (header['kid'] === undefined || header['kid'] === id || keys.length === 1) &&
      verify('sha256', text, algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key, bytes),
  );
  return isSigned ? decode(payload) : undefined;
}

function isForUs({ iss, aud }: Claims, issuer: string, audience: string): boolean {
  return iss === issuer && (aud === audience || (Array.isArray(aud) && aud.includes(audience)));
}

/** A token without an end is none. */
function isCurrent({ exp, nbf }: Claims): boolean {
  const now = Date.now() / 1000;
  return typeof exp === 'number' && exp > now && (nbf === undefined || (typeof nbf === 'number' && nbf <= now));
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
