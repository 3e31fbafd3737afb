import { Worker } from 'node:worker_threads';
import { EngineError, entryFile } from '../std/index.ts';
import type { SnapshotUsage } from './snapshotter.ts';

/** Work that walks whole trees or waits for the disk, done by a worker so that this thread stays free. */
export type Chore =
  /** Deletes everything in a folder. */
  | { readonly kind: 'empty'; readonly path: string }
  /** Deletes the folders of snapshots in a folder, and what they stand for beside their files. */
  | { readonly kind: 'bury'; readonly path: string }
  /** syncfs(2) of the file system that `path` is on. */
  | { readonly kind: 'sync'; readonly path: string }
  /** Adds up a tree. */
  | { readonly kind: 'measure'; readonly path: string }
  /** Copies what is in the folder `path` into the empty folder `target`, with the folder's own metadata. */
  | { readonly kind: 'copy'; readonly path: string; readonly target: string };

export interface ChoreResults {
  readonly empty: undefined;
  readonly bury: undefined;
  readonly sync: undefined;
  readonly measure: SnapshotUsage;
  readonly copy: undefined;
}

/** What the worker answers. */
export type ChoreAnswer =
  | { readonly result: ChoreResults[Chore['kind']] }
  | { readonly failure: { readonly message: string; readonly code?: string } };

/** How long (milliseconds) a worker without work stays: chores come in rows. */
const IDLE = 1000;

/** The worker that has nothing to do, and when it goes. */
let idle: { readonly worker: Worker; readonly timer: NodeJS.Timeout } | undefined;

/** Runs `chore` in a worker; an abort ends the worker where it is. */
export async function runChore<Kind extends Chore['kind']>(
  chore: Chore & { readonly kind: Kind },
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<ChoreResults[Kind]> {
  signal?.throwIfAborted();
  const worker = takeWorker();
  const stop = (): void => void worker.terminate();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const answer = await ask(worker, chore);
    keep(worker);
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

async function ask(worker: Worker, chore: Chore): Promise<ChoreAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ChoreAnswer>();
  const ended = (): void => reject(new EngineError('Internal', `the worker for ${chore.kind} ended early`));
  worker.once('message', resolve).once('error', reject).once('exit', ended);
  try {
    worker.postMessage(chore);
    return await promise;
  } finally {
    // By name: taking away all listeners takes those along that Node itself needs to wake the port.
    worker.off('message', resolve).off('error', reject).off('exit', ended);
  }
}

function takeWorker(): Worker {
  if (!idle) return new Worker(entryFile(import.meta.url, 'snapshot-worker'));
  const { worker, timer } = idle;
  idle = undefined;
  clearTimeout(timer);
  worker.ref();
  return worker;
}

function keep(worker: Worker): void {
  if (idle || worker.threadId < 0) {
    void worker.terminate();
    return;
  }
  const timer = setTimeout(() => {
    idle = undefined;
    void worker.terminate();
  }, IDLE).unref();
  worker.unref();
  idle = { worker, timer };
}
