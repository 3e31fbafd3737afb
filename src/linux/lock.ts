import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../std/index.ts';
import { check, lastErrno, native } from './libc.ts';

const LOCK = { shared: 1, exclusive: 2 } as const;
const LOCK_NB = 4;
export type LockMode = keyof typeof LOCK;

/** flock(2) without waiting: true where the lock is now ours. The kernel frees it with the last copy of the descriptor. */
export function tryFlock(fd: number, mode: LockMode): boolean {
  const result = native('int flock(int, int)')(fd, LOCK[mode] | LOCK_NB);
  if (result === -1 && lastErrno() === constants.errno.EWOULDBLOCK) return false;
  check(result, 'flock');
  return true;
}

/** The end of the queue of this process, by lock file: a blocking flock would deadlock a process against itself. */
const queues = new Map<string, Promise<void>>();

/**
 * Holds the lock file `path` until disposed: a queue inside this process first, then flock with back-off against other processes.
 * Not re-entrant. Shared holders of one process wait for each other too, which is harmless for the short sections this is for.
 */
export async function lockFile(
  path: string,
  { mode = 'exclusive', signal, timeout = 600_000 }: { mode?: LockMode; signal?: AbortSignal; timeout?: number } = {},
): Promise<Disposable> {
  const before = queues.get(path) ?? Promise.resolve();
  let leave = (): void => {};
  const turn = new Promise<void>((resolve) => {
    leave = resolve;
  });
  const end = before.then(() => turn);
  queues.set(path, end);
  const free = (): void => {
    leave();
    if (queues.get(path) === end) queues.delete(path);
  };
  await before;
  try {
    const fd = openSync(path, 'a', 0o600);
    try {
      await waitForFlock(fd, mode, { path, timeout, ...(signal && { signal }) });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return {
      [Symbol.dispose]() {
        closeSync(fd);
        free();
      },
    };
  } catch (error) {
    free();
    throw error;
  }
}

async function waitForFlock(
  fd: number,
  mode: LockMode,
  { path, signal, timeout }: { path: string; signal?: AbortSignal; timeout: number },
): Promise<void> {
  const deadline = Date.now() + timeout;
  for (let pause = 1; !tryFlock(fd, mode); pause = Math.min(pause * 2, 50)) {
    if (Date.now() > deadline)
      throw new EngineError('Unavailable', `another process has held ${path} for ${timeout / 1000} s`);
    await sleep(pause, undefined, signal ? { signal } : {});
  }
}
