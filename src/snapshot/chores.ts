import { Worker } from 'node:worker_threads';
import { EngineError, entryFile } from '../std/index.ts';
import type { SnapshotUsage } from './snapshotter.ts';

/** Work that walks whole trees or waits for the disk, done by a worker so that this thread stays free. */
export type Chore =
  /** Deletes a tree. */
  | { readonly kind: 'delete'; readonly path: string }
  /** Deletes everything in a folder. */
  | { readonly kind: 'empty'; readonly path: string }
  /** syncfs(2) of the file system that `path` is on. */
  | { readonly kind: 'sync'; readonly path: string }
  /** Adds up a tree. */
  | { readonly kind: 'measure'; readonly path: string }
  /** Copies what is in the folder `path` into the empty folder `target`, with the folder's own metadata. */
  | { readonly kind: 'copy'; readonly path: string; readonly target: string };

export interface ChoreResults {
  readonly delete: undefined;
  readonly empty: undefined;
  readonly sync: undefined;
  readonly measure: SnapshotUsage;
  readonly copy: undefined;
}

/** What the worker answers. */
export type ChoreAnswer =
  | { readonly result: ChoreResults[Chore['kind']] }
  | { readonly failure: { readonly message: string; readonly code?: string } };

/** Runs `chore` in a worker of its own; an abort ends the worker where it is. */
export async function runChore<Kind extends Chore['kind']>(
  chore: Chore & { readonly kind: Kind },
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<ChoreResults[Kind]> {
  signal?.throwIfAborted();
  const worker = new Worker(entryFile(import.meta.url, 'snapshot-worker'), { workerData: chore });
  const stop = (): void => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const answer = await new Promise<ChoreAnswer>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => reject(new EngineError('Internal', `the worker for ${chore.kind} ended early`)));
    });
    if ('failure' in answer) {
      const { message, code } = answer.failure;
      throw code ? Object.assign(new Error(message), { code }) : new Error(message);
    }
    return answer.result as ChoreResults[Kind];
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
