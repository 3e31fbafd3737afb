import type { DatabaseSync } from 'node:sqlite';

interface Waiting {
  readonly work: () => unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * Runs changes of a database in one transaction for all that wait, so that a hundred pushes at once share one fsync. Each is a savepoint: one
 * that throws takes back only itself. A promise resolves after the commit, so what it acknowledges is durable.
 */
export function writeQueue(database: DatabaseSync): <Result>(work: () => Result) => Promise<Result> {
  let waiting: Waiting[] = [];

  const commit = (): void => {
    const batch = waiting;
    waiting = [];
    const settle: (() => void)[] = [];
    try {
      database.exec('BEGIN IMMEDIATE');
      for (const item of batch) settle.push(runInSavepoint(database, item));
      database.exec('COMMIT');
    } catch (error) {
      if (database.isOpen && database.isTransaction) database.exec('ROLLBACK');
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const done of settle) done();
  };

  return (work) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (waiting.length === 1) setImmediate(commit);
    });
}

function runInSavepoint(database: DatabaseSync, { work, resolve, reject }: Waiting): () => void {
  database.exec('SAVEPOINT change');
  try {
    const value = work();
    database.exec('RELEASE change');
    return () => resolve(value);
  } catch (error) {
    database.exec('ROLLBACK TO change; RELEASE change');
    return () => reject(error);
  }
}
