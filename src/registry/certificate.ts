import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../std/index.ts';
import { processLock } from './storage/process-lock.ts';

const DAY = 24 * 3600 * 1000;
const RENEW_BEFORE = 30 * DAY;

/** A server certificate and the authority that signed it. PEM text. */
export interface Certificate {
  /** The server's certificate and the authority's, as a server sends them. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly certPath: string;
  readonly keyPath: string;
  /** What clients are told to trust. */
  readonly caPath: string;
}

/**
 * The certificate in `folder` for this machine's names and addresses and for `names`: made where there is none, made again under the same
 * authority where it lacks a name or ends within thirty days, so that clients that trust the authority never notice.
 */
export async function ensureCertificate(
  folder: string,
  { names = [] }: { names?: readonly string[] } = {},
): Promise<Certificate> {
  const wanted = [...new Set([...localNames(), ...names.map((name) => name.toLowerCase())])];
  const found = await readFitting(folder, wanted);
  if (found) return found;

  await mkdir(folder, { recursive: true, mode: 0o700 });
  using _lock = await processLock(join(folder, 'lock'));
  const madeMeanwhile = await readFitting(folder, wanted);
  if (madeMeanwhile) return madeMeanwhile;
  const { makeAuthority, makeServerCertificate } = await import('./certificate-authority.ts');
  const paths = pathsIn(folder);
  let authority = await readPair(paths.caPath, paths.caKeyPath);
  if (!authority || !isLasting(authority.cert)) {
    authority = await makeAuthority();
    await writeFileAtomic(paths.caKeyPath, authority.key, { mode: 0o600 });
    await writeFileAtomic(paths.caPath, authority.cert, { mode: 0o644 });
  }
  const server = await makeServerCertificate(authority, wanted);
  await writeFileAtomic(paths.keyPath, server.key, { mode: 0o600 });
  await writeFileAtomic(paths.certPath, server.cert + authority.cert, { mode: 0o644 });
  return certificateOf(folder, { cert: server.cert + authority.cert, key: server.key, ca: authority.cert });
}

/** Every name and address by which a client on this machine or in its networks may call it. */
export function localNames(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => address);
  return [...new Set(['localhost', hostname().toLowerCase(), '127.0.0.1', '::1', ...addresses])].filter(
    (name) => isIP(name) !== 0 || /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(name),
  );
}

/** What is in the folder, if it serves: all names, long enough, its own key, the authority's signature. */
async function readFitting(folder: string, wanted: readonly string[]): Promise<Certificate | undefined> {
  const paths = pathsIn(folder);
  const pair = await readPair(paths.certPath, paths.keyPath);
  const authority = await readPair(paths.caPath, paths.caKeyPath);
  if (!pair || !authority || !isLasting(pair.cert) || !isLasting(authority.cert)) return undefined;
  const cert = new X509Certificate(pair.cert);
  const ca = new X509Certificate(authority.cert);
  const fits = wanted.every((name) =>
    isIP(name) ? cert.checkIP(name) !== undefined : cert.checkHost(name, { subject: 'never' }) !== undefined,
  );
  if (!fits || !cert.checkIssued(ca) || !cert.verify(ca.publicKey)) return undefined;
  return certificateOf(folder, { ...pair, ca: authority.cert });
}

/** A certificate and its key; undefined where either is missing, broken or not the other's. */
async function readPair(certPath: string, keyPath: string): Promise<{ cert: string; key: string } | undefined> {
  try {
    const [cert, key] = await Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')]);
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? { cert, key } : undefined;
  } catch {
    return undefined;
  }
}

function isLasting(cert: string): boolean {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return validFromDate.getTime() <= Date.now() && validToDate.getTime() - Date.now() > RENEW_BEFORE;
}

function pathsIn(folder: string): { certPath: string; keyPath: string; caPath: string; caKeyPath: string } {
  return {
    certPath: join(folder, 'server.crt'),
    keyPath: join(folder, 'server.key'),
    caPath: join(folder, 'ca.crt'),
    caKeyPath: join(folder, 'ca.key'),
  };
}

function certificateOf(folder: string, pem: { cert: string; key: string; ca: string }): Certificate {
  const { certPath, keyPath, caPath } = pathsIn(folder);
  return { cert: pem.cert, key: pem.key, ca: pem.ca, certPath, keyPath, caPath };
}
