import type { Command } from './command.ts';
import { UsageError } from './usage-error.ts';

/** The forms of a verb's arguments; at least one, maybe empty. */
export function usagesOf(command: Command): readonly [string, ...string[]] {
  const [first = '', ...others] = typeof command.args === 'string' ? [command.args] : (command.args ?? []);
  return [first, ...others];
}

/** `docker run [OPTIONS] IMAGE`, one line a form. */
export function usageLines(path: string, command: Command): string[] {
  const options = Object.values(command.flags).some((flag) => !flag.hidden) ? ' [OPTIONS]' : '';
  return usagesOf(command).map((usage) => `${path}${options}${usage && ` ${usage}`}`);
}

/** How many arguments a usage line allows. */
export function arityOf(usage: string): { min: number; max: number } {
  const words = wordsOf(usage);
  return {
    min: words.filter((word) => !word.startsWith('[')).length,
    max: words.some((word) => /\.\.\.\]?$/.test(word)) ? Number.POSITIVE_INFINITY : words.length,
  };
}

/** Refuses a wrong number of arguments in docker's words, and with docker's exit code. */
export function checkArity(path: string, command: Command, count: number): void {
  const { min, max } = arityOf(usagesOf(command)[0]);
  if (count >= min && count <= max) return;
  throw new UsageError(`'${path}' ${requirement(min, max)}`, { exitCode: 1 });
}

function requirement(min: number, max: number): string {
  const plural = (count: number): string => `${count} argument${count === 1 ? '' : 's'}`;
  if (max === 0) return 'accepts no arguments';
  if (min === max) return `requires ${plural(min)}`;
  if (max === Number.POSITIVE_INFINITY) return `requires at least ${plural(min)}`;
  if (min === 0) return `requires at most ${plural(max)}`;
  return `requires at least ${min} and at most ${plural(max)}`;
}

/** Splits at blanks outside brackets: `[-a | -b]` is one word. */
function wordsOf(usage: string): string[] {
  const words: string[] = [];
  let depth = 0;
  let word = '';
  for (const character of usage) {
    if (character === '[') depth++;
    if (character === ']') depth--;
    if (character === ' ' && depth === 0) {
      if (word) words.push(word);
      word = '';
    } else word += character;
  }
  return word ? [...words, word] : words;
}
