import { constants } from 'node:os';
import { EngineError, type ErrorCode } from '../std/index.ts';
import { tellError } from './system-error.ts';
import { UsageError } from './usage-error.ts';

/** The reader of our standard output went away (`strata images | head -1`): the program ends without a word. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** The reason of an abort by a signal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** docker's client has one exit code for what failed, whatever it was, and scripts know it; `run` has its own (see {@link exitCodeOf}). */
const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  InvalidArgument: 1,
  NotFound: 1,
  AlreadyExists: 1,
  Conflict: 1,
  Unauthenticated: 1,
  PermissionDenied: 1,
  ResourceExhausted: 1,
  Unavailable: 1,
  NotImplemented: 1,
  DataLoss: 1,
  Internal: 1,
};

/** 128 and the signal's number, as shells count. */
export function signalExitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * The exit code for a failure: 128+n for signals, what the error itself carries as `details.exitCode` (126 and 127 of a command that can't
 * be started), the verb's own (125 of `run`), else the table's.
 */
export function exitCodeOf(error: unknown, verbsOwn?: number): number {
  if (error instanceof OutputClosed) return signalExitCode('SIGPIPE');
  if (error instanceof Interrupted) return signalExitCode(error.signal);
  if (error instanceof UsageError) return error.exitCode;
  const { exitCode } = (error instanceof EngineError ? error.details : {}) as { exitCode?: unknown };
  if (typeof exitCode === 'number') return exitCode;
  return verbsOwn ?? (error instanceof EngineError ? EXIT_CODES[error.code] : 1);
}

/** What to say about `error` on standard error; undefined where silence is right. `help` is the command that explains the verb. */
export function describeError(
  error: unknown,
  { program, help, debug }: { readonly program: string; readonly help: string; readonly debug: boolean },
): string | undefined {
  if (error instanceof OutputClosed || error instanceof Interrupted) return undefined;
  const lines = [`${program}: ${tellError(error)}`];
  if (error instanceof UsageError) {
    if (error.hint) lines.push(error.hint);
    lines.push(`See '${help}'.`);
  }
  if (debug) lines.push(...causesOf(error));
  else if (isUnexpected(error))
    lines.push(`This is a bug, or a failure that should be told better; ${program} --debug shows where it happened.`);
  return lines.join('\n');
}

/** Neither ours nor a failed system call's. */
function isUnexpected(error: unknown): boolean {
  return !(error instanceof EngineError) && !(error instanceof Error && 'syscall' in error);
}

/** The stacks of `error` and of everything that caused it. */
function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  const seen = new Set<unknown>();
  const add = (each: unknown, title: string): void => {
    if (seen.has(each)) return;
    seen.add(each);
    if (!(each instanceof Error)) {
      lines.push(`${title}${String(each)}`);
      return;
    }
    const code = each instanceof EngineError ? ` [${each.code}]` : '';
    lines.push(`${title}${each.stack ?? each.message}${code}`);
    if (each instanceof AggregateError) for (const one of each.errors) add(one, 'one of: ');
    if (each.cause !== undefined) add(each.cause, 'caused by: ');
  };
  add(error, '');
  return lines;
}
