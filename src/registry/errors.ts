import { DigestMismatch } from '../oci/index.ts';
import { EngineError, type ErrorCode, isErrno } from '../std/index.ts';
import { QuotaExceeded, TagImmutable } from './storage/names.ts';

/** distribution-spec, "Error Codes", and distribution's own for pages, ranges and tags. */
export type ProtocolCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'RANGE_INVALID'
  | 'SIZE_INVALID'
  | 'TAG_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'UNAVAILABLE'
  | 'UNKNOWN';

/** The usual status of each, and our own code. */
const CODES: Readonly<Record<ProtocolCode, readonly [status: number, ErrorCode]>> = {
  BLOB_UNKNOWN: [404, 'NotFound'],
  BLOB_UPLOAD_INVALID: [400, 'InvalidArgument'],
  BLOB_UPLOAD_UNKNOWN: [404, 'NotFound'],
  DIGEST_INVALID: [400, 'InvalidArgument'],
  MANIFEST_BLOB_UNKNOWN: [404, 'NotFound'],
  MANIFEST_INVALID: [400, 'InvalidArgument'],
  MANIFEST_UNKNOWN: [404, 'NotFound'],
  NAME_INVALID: [400, 'InvalidArgument'],
  NAME_UNKNOWN: [404, 'NotFound'],
  PAGINATION_NUMBER_INVALID: [400, 'InvalidArgument'],
  RANGE_INVALID: [416, 'InvalidArgument'],
  SIZE_INVALID: [400, 'InvalidArgument'],
  TAG_INVALID: [400, 'InvalidArgument'],
  UNAUTHORIZED: [401, 'Unauthenticated'],
  DENIED: [403, 'PermissionDenied'],
  UNSUPPORTED: [405, 'NotImplemented'],
  TOOMANYREQUESTS: [429, 'ResourceExhausted'],
  UNAVAILABLE: [503, 'Unavailable'],
  UNKNOWN: [500, 'Internal'],
};

/** A refusal in the registry's own protocol: becomes a status, headers and an error body. */
export class ProtocolError extends EngineError {
  readonly protocolCode: ProtocolCode;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: unknown;

  constructor(
    code: ProtocolCode,
    message: string,
    options: { status?: number; headers?: Record<string, string>; detail?: unknown; cause?: unknown } = {},
  ) {
    super(CODES[code][1], message, { cause: options.cause });
    this.protocolCode = code;
    this.status = options.status ?? CODES[code][0];
    this.headers = options.headers ?? {};
    this.detail = options.detail;
  }
}

/** Whatever was thrown, as the protocol says it; what we don't know is not shown to clients. */
export function protocolErrorOf(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (error instanceof DigestMismatch) {
    return new ProtocolError('DIGEST_INVALID', error.message, {
      detail: { expected: error.expected, actual: error.actual },
    });
  }
  if (error instanceof QuotaExceeded) {
    const { used, quota } = error;
    return new ProtocolError('DENIED', error.message, { detail: { used, quota } });
  }
  if (error instanceof TagImmutable) return new ProtocolError('DENIED', error.message);
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new ProtocolError('UNAVAILABLE', 'the registry has no space left', { status: 507, cause: error });
  }
  if (error instanceof EngineError && error.code === 'ResourceExhausted') {
    return new ProtocolError('SIZE_INVALID', error.message, { status: 413 });
  }
  return new ProtocolError('UNKNOWN', 'internal error', { cause: error });
}
