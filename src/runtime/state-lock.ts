import { readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno } from '../std/index.ts';
import { identify, isAlive } from './process-identity.ts';

/** What is done under the lock takes less than a millisecond. */
const PATIENCE = 10_000;

/**
 * Runs `work`, which must be short and synchronous, while nobody else changes the container's state or removes it. The lock is a link that names
 * its holder: made in one step, seen to be void where its holder was killed, and cheaper than a flock, for which native code would be loaded.
 * Not to be nested. NotFound where the container is gone.
 */
export function withStateLock<Result>(folder: string, work: () => Result): Result {
  const lock = join(folder, 'state.lock');
  take(lock);
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string): void {
  const { pid = 0, startTime = '' } = identify(process.pid) ?? {};
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    try {
      symlinkSync(`${pid}-${startTime}`, lock);
      return;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) throw new EngineError('NotFound', 'the container was removed meanwhile');
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    const holder = holderOf(lock);
    if (holder !== undefined && !isHeldBy(holder)) removeStale(lock, holder);
    else if (Date.now() > deadline)
      throw new EngineError('Unavailable', `the state of the container is locked by process ${holder}; try again`);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

function isHeldBy(holder: string): boolean {
  const [pid, startTime = ''] = holder.split('-');
  return isAlive({ pid: Number(pid), startTime });
}

function holderOf(lock: string): string | undefined {
  try {
    return readlinkSync(lock);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** By rename, so that two cleaners don't remove a third one's new lock. */
function removeStale(lock: string, holder: string): void {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
    if (readlinkSync(aside) === holder) rmSync(aside, { force: true });
    else renameSync(aside, lock);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
