import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { SecureContext } from 'node:tls';
import { EngineError, errorMessage, isErrno } from '../std/index.ts';

/** Loaded at the first use: it takes 15 ms, and an import of it 15 more to read authorities that may never be asked. */
const tls = (): typeof import('node:tls') => process.getBuiltinModule('node:tls');

/** What is kept for one host in the folders `certs.d/HOST[:PORT]`. */
export interface HostCertificates {
  /** Authorities to trust besides the system's. */
  readonly authorities: readonly string[];
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** Where docker, podman and containers of a user keep certificates for registries; later folders add to earlier ones. */
export function defaultCertificateFolders(): string[] {
  const home = homedir();
  return [
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
    join(home, '.config/containers/certs.d'),
    join(home, '.config/overstrata/certs.d'),
  ];
}

/** Reads `*.crt` (authorities) and `*.cert` with `*.key` (ourselves) of `host` in every folder. */
export async function readHostCertificates(host: string, folders: readonly string[]): Promise<HostCertificates> {
  const authorities: string[] = [];
  let client: HostCertificates['client'];
  for (const folder of folders) {
    const own = join(folder, host);
    const names: string[] = await readdir(own).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [] as string[];
      throw error;
    });
    for (const name of names.sort()) {
      if (name.endsWith('.crt')) authorities.push(await readFile(join(own, name), 'utf8'));
      if (!name.endsWith('.cert')) continue;
      const key = name.replace(/cert$/, 'key');
      if (!names.includes(key)) {
        throw new EngineError(
          'InvalidArgument',
          `${join(own, name)} has no key beside it; put it in ${join(own, key)}`,
        );
      }
      client ??= { certificate: await readFile(join(own, name), 'utf8'), key: await readFile(join(own, key), 'utf8') };
    }
  }
  return { authorities, ...(client && { client }) };
}

/**
 * The first of two contexts to try: the host's own authorities, or those that Node brings. Both are ready at once; the system's store takes
 * 50 ms to read, so it is only asked when these do not do ({@link fullContext}).
 */
export function quickContext(host: string, certificates: HostCertificates): SecureContext {
  return contextOf(host, certificates, certificates.authorities.length > 0 ? certificates.authorities : undefined);
}

/** Trusts the host's own authorities, Node's and the system's. */
export function fullContext(host: string, certificates: HostCertificates): SecureContext {
  return contextOf(host, certificates, [
    ...new Set([
      ...certificates.authorities,
      ...tls().rootCertificates,
      ...tls().getCACertificates('extra'),
      ...systemAuthorities(),
    ]),
  ]);
}

let system: readonly string[] | undefined;
function systemAuthorities(): readonly string[] {
  // Read once: the same certificates stand in the system's folder several times.
  system ??= [...new Set(tls().getCACertificates('system'))];
  return system;
}

function contextOf(host: string, { client }: HostCertificates, ca: readonly string[] | undefined): SecureContext {
  try {
    return tls().createSecureContext({
      ...(ca && { ca: [...ca] }),
      ...(client && { cert: client.certificate, key: client.key }),
    });
  } catch (error) {
    throw new EngineError(
      'InvalidArgument',
      `certificates for ${host} in certs.d can't be used: ${errorMessage(error)}`,
    );
  }
}
