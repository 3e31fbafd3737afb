/** What a caller can do about a failure; each face maps these to its own status codes. */
export type ErrorCode =
  | 'InvalidArgument'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Unauthenticated'
  | 'PermissionDenied'
  | 'ResourceExhausted'
  | 'Unavailable'
  | 'NotImplemented'
  | 'DataLoss'
  | 'Internal';

/** The only error this codebase throws on purpose. Anything else is a bug. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Whether `error`, or anything that caused it, is an {@link EngineError} with `code`. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  for (let e: unknown = error; e instanceof Error; e = e.cause) {
    if (e instanceof EngineError && e.code === code) return true;
  }
  return false;
}

/** Whether `error` is Node's own error for a failed system call, with that name: `isErrno(error, 'ENOENT')`. */
export function isErrno(error: unknown, ...names: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && names.includes(error.code as string);
}

/** What to tell a person about `error`, whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
