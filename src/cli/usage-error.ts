import { EngineError } from '../std/index.ts';

/** docker's exit code for flags that it can't read, whatever the verb. */
const BAD_FLAGS = 125;

/** A command line that can't be understood; `main` adds how to get help. */
export class UsageError extends EngineError {
  /** A further line: what was perhaps meant. */
  readonly hint: string | undefined;
  /** The long name of an unknown flag. */
  readonly flag: string | undefined;
  readonly exitCode: number;

  constructor(message: string, options: { hint?: string; flag?: string; exitCode?: number } = {}) {
    super('InvalidArgument', message);
    this.hint = options.hint;
    this.flag = options.flag;
    this.exitCode = options.exitCode ?? BAD_FLAGS;
  }
}
