import { EngineError } from '../std/index.ts';

const LIMITS = {
  connection: 'no connection within the time limit',
  answer: 'no answer within the time limit',
  body: 'it stopped sending',
} as const;

/** The peer took too long to do this. */
export class TimeLimitError extends Error {
  constructor(what: keyof typeof LIMITS) {
    super(LIMITS[what]);
  }
}

/** A URL for messages: without user, query and fragment, where secrets and signatures are. */
export function showUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** Codes with which OpenSSL says that the peer answered in something else than TLS. */
export function isNotTls(error: unknown): boolean {
  return codesOf(error).some(
    (code) =>
      code === 'EPROTO' ||
      /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL)$/.test(code),
  );
}

/** Whether the peer's certificate was not trusted, as opposed to anything else that goes wrong. */
export function isUntrusted(error: unknown): boolean {
  return codesOf(error).some((code) =>
    /^(?:UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(?:_LOCALLY)?)|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|CERT_UNTRUSTED)$/.test(
      code,
    ),
  );
}

export function isRefused(error: unknown): boolean {
  return codesOf(error).includes('ECONNREFUSED');
}

/** What a failure to talk to `url` means to people. Errors of this program, and whatever aborted the request, pass as they are. */
export function networkError(url: URL, error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof EngineError) return e;
  return new EngineError('Unavailable', `cannot reach ${url.host}: ${explain(url, error)}`, { cause: error });
}

function explain(url: URL, error: unknown): string {
  const codes = codesOf(error);
  if (isNotTls(error)) {
    return `it does not speak TLS; if plain HTTP is meant, name it as insecure: --insecure-registry ${url.host}`;
  }
  if (isUntrusted(error)) {
    return `its certificate is signed by an unknown authority (${codes[0]}); trust its authority with strata registry trust --ca FILE ${url.host}, or put the certificate in /etc/docker/certs.d/${url.host}/ca.crt`;
  }
  for (const code of codes) {
    switch (code) {
      case 'ENOTFOUND':
        return 'no such host; check its name and the network';
      case 'EAI_AGAIN':
        return 'the name service does not answer; check the network';
      case 'ECONNREFUSED':
        return 'connection refused; is the registry running there?';
      case 'ERR_TLS_CERT_ALTNAME_INVALID':
        return `its certificate is for another host: ${errorText(error)}`;
      case 'CERT_HAS_EXPIRED':
        return 'its certificate has expired';
      case 'ECONNRESET':
        return 'it closed the connection';
    }
  }
  return errorText(error) || codes[0] || 'connection lost';
}

function errorText(error: unknown): string {
  if (error instanceof AggregateError) return errorText(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let e = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string') codes.push(e.code);
    if (e instanceof AggregateError) for (const inner of e.errors) codes.push(...codesOf(inner));
  }
  return codes;
}
