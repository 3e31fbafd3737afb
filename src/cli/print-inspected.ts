import type { CommandContext } from './command.ts';
import { eachArgument } from './each-argument.ts';
import { formatObjects } from './format.ts';

/** What `inspect` and its like print: an array of all that was found, or `--format` of each. Yields the exit code. */
export async function printInspected(
  context: Pick<CommandContext, 'args' | 'program' | 'signal' | 'warn' | 'print'>,
  format: string | undefined,
  inspectOne: (name: string) => Promise<object>,
): Promise<number> {
  const shown: object[] = [];
  const code = await eachArgument(context, async (name) => shown.push(await inspectOne(name)));
  if (format === undefined) context.print(JSON.stringify(shown, undefined, 4));
  else if (shown.length > 0) context.print(formatObjects(shown, format));
  return code;
}
