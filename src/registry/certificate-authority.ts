import 'reflect-metadata'; // @peculiar/x509 needs it first
import { randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import * as x509 from '@peculiar/x509';

const DAY = 24 * 3600 * 1000;
const AUTHORITY_LIFE = 3650 * DAY;
const SERVER_LIFE = 397 * DAY; // what browsers accept
const CLOCK_SKEW = DAY;
const SIGNING = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'; // RFC 5280, 4.2.1.12: id-kp-serverAuth

/** A certificate and its private key (PKCS #8), as PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** A new authority, which signs servers and nothing else. */
export async function makeAuthority(): Promise<KeyPair> {
  const keys = await makeKeys();
  const now = Date.now();
  const cert = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [`overstrata registry CA (${hostname()})`] }],
      notBefore: new Date(now - CLOCK_SKEW),
      notAfter: new Date(now + AUTHORITY_LIFE),
      signingAlgorithm: SIGNING,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { cert: pemOf(cert), key: await exportKey(keys.privateKey) };
}

/** A certificate for a server of these names and addresses, with a key of its own. */
export async function makeServerCertificate(authority: KeyPair, names: readonly string[]): Promise<KeyPair> {
  const keys = await makeKeys();
  const issuer = new x509.X509Certificate(authority.cert);
  const now = Date.now();
  const notAfter = new Date(Math.min(now + SERVER_LIFE, issuer.notAfter.getTime()));
  const cert = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      subject: [{ CN: ['overstrata registry'] }],
      issuer: issuer.subjectName,
      notBefore: new Date(now - CLOCK_SKEW),
      notAfter,
      signingAlgorithm: SIGNING,
      signingKey: await importKey(authority.key),
      publicKey: keys.publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([SERVER_AUTH], false),
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }) as const),
        ),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { cert: pemOf(cert), key: await exportKey(keys.privateKey) };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(SIGNING, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  return await webcrypto.subtle.importKey('pkcs8', der as ArrayBuffer, SIGNING, false, ['sign']);
}

function pemOf(cert: x509.X509Certificate): string {
  return `${cert.toString('pem')}\n`;
}

/** Positive and unguessable, at most 20 bytes (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString('hex');
}
