import { EngineError, type ErrorCode } from '../std/index.ts';

/** A registry that said no, or that answered with something else than was asked for. */
export class RegistryError extends EngineError {
  /** HTTP status. */
  readonly status: number;
  /** The registry's own words for it, as `MANIFEST_UNKNOWN` (distribution-spec, "Error Codes"). */
  readonly codes: readonly string[];

  constructor(
    code: ErrorCode,
    message: string,
    { status, codes = [], cause }: { status: number; codes?: readonly string[]; cause?: unknown },
  ) {
    super(code, message, { cause, details: { status, codes } });
    this.status = status;
    this.codes = codes;
  }
}

/** What was asked, for messages. */
export interface Subject {
  /** The registry as people name it. */
  readonly registry: string;
  /** As in `cannot WHAT`: `pull manifest of debian:12`. */
  readonly what: string;
  /** A repository's name, where access to one was asked for. */
  readonly repository?: string;
}

interface ServerError {
  readonly code: string;
  readonly message: string;
}

/** The error that a response means. `redact` takes secrets out of what the server said. */
export function responseError(
  status: number,
  body: string,
  subject: Subject,
  redact: (text: string) => string,
): RegistryError {
  const errors = parseErrors(body);
  const codes = errors.map(({ code }) => code);
  const code = codeOf(status, codes);
  const said = redact(
    errors
      .map(({ code, message }) => clean(message || code.toLowerCase().replaceAll('_', ' ')))
      .filter((text, index, all) => text !== '' && all.indexOf(text) === index)
      .join('; '),
  );
  return new RegistryError(code, messageOf(code, status, said, subject), { status, codes });
}

function messageOf(code: ErrorCode, status: number, said: string, { registry, what, repository }: Subject): string {
  const because = said ? `: ${said}` : ` (HTTP status ${status})`;
  switch (code) {
    case 'Unauthenticated':
    case 'PermissionDenied': {
      const denied = repository ? `access denied for ${repository}` : `access to ${registry} denied`;
      const why = repository ? 'it does not exist, or needs' : 'it needs';
      return `cannot ${what}: ${denied}${said ? ` (${said})` : ''}; ${why} a login that may: strata login ${registry}`;
    }
    case 'ResourceExhausted':
      return status === 429
        ? `cannot ${what}: ${registry} takes no more requests for now${because}; wait, or log in: strata login ${registry}`
        : `cannot ${what}: too large for ${registry}${because}`;
    case 'NotFound':
      return `cannot ${what}: not found${because}`;
    case 'Unavailable':
      return `cannot ${what}: ${registry} is unavailable${because}; try again later`;
    default:
      return `cannot ${what}: ${registry} refused${because}`;
  }
}

const BY_SERVER_CODE: Readonly<Record<string, ErrorCode>> = {
  UNAUTHORIZED: 'Unauthenticated',
  DENIED: 'PermissionDenied',
  MANIFEST_UNKNOWN: 'NotFound',
  NAME_UNKNOWN: 'NotFound',
  BLOB_UNKNOWN: 'NotFound',
  BLOB_UPLOAD_UNKNOWN: 'NotFound',
  MANIFEST_BLOB_UNKNOWN: 'NotFound',
  DIGEST_INVALID: 'DataLoss',
  SIZE_INVALID: 'DataLoss',
  TOOMANYREQUESTS: 'ResourceExhausted',
  UNSUPPORTED: 'NotImplemented',
  UNAVAILABLE: 'Unavailable',
};

function codeOf(status: number, codes: readonly string[]): ErrorCode {
  if (status === 401) return 'Unauthenticated';
  for (const code of codes) {
    const known = BY_SERVER_CODE[code];
    if (known) return known;
  }
  switch (status) {
    case 403:
      return 'PermissionDenied';
    case 404:
    case 410:
      return 'NotFound';
    case 405:
    case 501:
      return 'NotImplemented';
    case 409:
    case 412:
      return 'Conflict';
    case 413:
    case 429:
      return 'ResourceExhausted';
    default:
      return status >= 400 && status < 500 ? 'InvalidArgument' : 'Unavailable';
  }
}

/** distribution-spec: `{"errors":[{"code","message","detail"}]}`; token servers and proxies write `details`, `message` or nothing of use. */
function parseErrors(body: string): ServerError[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return [];
  }
  if (typeof value !== 'object' || value === null) return [];
  const { errors, details, message, error_description: description } = value as Record<string, unknown>;
  if (Array.isArray(errors)) {
    return errors.slice(0, 5).flatMap((error: unknown) => {
      if (typeof error !== 'object' || error === null) return [];
      const { code, message } = error as Record<string, unknown>;
      return [{ code: typeof code === 'string' ? code : '', message: typeof message === 'string' ? message : '' }];
    });
  }
  const text = [description, details, message].find((candidate) => typeof candidate === 'string');
  return text === undefined ? [] : [{ code: '', message: text as string }];
}

/** One line, printable, of bounded length: it goes to people's terminals. */
function clean(text: string): string {
  const line = text.replace(/[\p{C}\s]+/gu, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}
