import { readFileSync } from 'node:fs';
import { startTimeOf } from '../linux/index.ts';
import { isErrno } from '../std/index.ts';
import type { ProcessIdentity } from './container.ts';

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
