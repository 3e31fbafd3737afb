import { constants } from 'node:os';

/** An errno's name. */
export type Errno = keyof typeof constants.errno;

/** A request that is answered with an errno; made without a stack, since refusals are ordinary here. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: Errno) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(code);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
  }
}

/** The errno that an error stands for: its code's, or EIO for what is no system call's failure. */
export function errnoOf(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? (constants.errno[code as Errno] ?? constants.errno.EIO) : constants.errno.EIO;
}
