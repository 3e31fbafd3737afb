import { readFileSync } from 'node:fs';
import { isErrno } from '../std/index.ts';

/**
 * When a process started, in clock ticks since boot: field 22 of proc(5) `stat`. With its pid it tells a process from every later one. Undefined
 * where there is none, or only its corpse.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, in parentheses, is the program's name, which may hold anything; the third comes after the last parenthesis.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[22 - 3];
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}
