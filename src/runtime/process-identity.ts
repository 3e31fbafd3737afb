import { readFileSync } from 'node:fs';
import { isErrno } from '../std/index.ts';
import type { ProcessIdentity } from './container.ts';

/** When a process started, in clock ticks since boot: field 22 of proc(5) `stat`. Undefined where there is none, or only its corpse. */
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

export function isAlive(identity: ProcessIdentity): boolean {
  return identity.pid > 0 && startTimeOf(identity.pid) === identity.startTime;
}

export function identify(pid: number): ProcessIdentity | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

/** Whether a process is in the cgroup of the container `id`: what a pid file says may be another process by now. */
export function isInContainer(pid: number, id: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'latin1').includes(`/${id}`);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}
