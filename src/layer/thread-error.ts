import { type Digest, DigestMismatch } from '../oci/index.ts';
import { EngineError, type ErrorCode } from '../std/index.ts';

/** An error as it crosses threads: structured clone keeps neither classes nor their own fields. */
export type ThreadError =
  | { readonly kind: 'digest'; readonly what: string; readonly expected: Digest; readonly actual: Digest }
  | {
      readonly kind: 'engine';
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
      readonly cause?: ThreadError;
    }
  | { readonly kind: 'other'; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

export function packError(error: unknown): ThreadError {
  if (error instanceof DigestMismatch) {
    const what = error.message.slice(0, error.message.indexOf(' has digest '));
    return { kind: 'digest', what, expected: error.expected, actual: error.actual };
  }
  if (error instanceof EngineError) {
    const { code, message, details } = error;
    return {
      kind: 'engine',
      code,
      message,
      details,
      ...(error.cause !== undefined && { cause: packError(error.cause) }),
    };
  }
  if (!(error instanceof Error)) return { kind: 'other', message: String(error), fields: {} };
  const { code, errno, syscall, path } = error as NodeJS.ErrnoException;
  const fields = Object.entries({ code, errno, syscall, path, stack: error.stack });
  return {
    kind: 'other',
    message: error.message,
    fields: Object.fromEntries(fields.filter(([, value]) => value !== undefined)),
  };
}

export function unpackError(error: ThreadError): Error {
  switch (error.kind) {
    case 'digest':
      return new DigestMismatch(error.what, error.expected, error.actual);
    case 'engine': {
      const { code, message, details, cause } = error;
      return new EngineError(code, message, { details: { ...details }, ...(cause && { cause: unpackError(cause) }) });
    }
    case 'other':
      return Object.assign(new Error(error.message), error.fields);
  }
}
