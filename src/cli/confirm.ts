import type { CommandContext } from './command.ts';
import { askLine } from './prompt.ts';

/** Asks before something goes; anything but yes, and the absence of anybody to ask, means no. */
export async function confirm(
  { io, signal, warn }: Pick<CommandContext, 'io' | 'signal' | 'warn'>,
  warning: string,
): Promise<boolean> {
  warn(warning);
  const answer = await askLine(io, 'Are you sure you want to continue? [y/N] ', signal);
  return /^y(es)?$/i.test(answer);
}
