import type { CommandContext } from './command.ts';
import { tellError } from './system-error.ts';

/** Does `work` for each argument in turn; a failure is told and the others still have their turn, as with `docker rm`. Yields the exit code. */
export async function eachArgument(
  { args, program, signal, warn }: Pick<CommandContext, 'args' | 'program' | 'signal' | 'warn'>,
  work: (argument: string) => Promise<unknown>,
): Promise<number> {
  let code = 0;
  for (const argument of args) {
    try {
      await work(argument);
    } catch (error) {
      if (signal.aborted) throw error;
      warn(`${program.name}: ${tellError(error)}`);
      code = 1;
    }
  }
  return code;
}
