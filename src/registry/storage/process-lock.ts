import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

const SQLITE_BUSY = 5;

/**
 * Takes the lock file `path` for this process, or gives undefined where another holds it. The lock is an open SQLite transaction: it works on
 * every system that SQLite does, costs no native module at start, also excludes a second holder in this process, and the
 * kernel frees it with the process, however that ends.
 */
export function tryProcessLock(path: string): Disposable | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw error;
  }
  return {
    [Symbol.dispose]() {
      if (database.isOpen) database.close();
    },
  };
}

/** {@link tryProcessLock} that waits. */
export async function processLock(path: string): Promise<Disposable> {
  for (;;) {
    const lock = tryProcessLock(path);
    if (lock) return lock;
    await sleep(20);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
