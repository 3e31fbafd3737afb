import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { EngineError, entryFile } from '../std/index.ts';
import type { FromWorker } from './unpack-worker.ts';

/** How long a worker without work stays: the layers of one image come in quick succession. */
const IDLE = 2_000; // milliseconds

/** Chunks of a layer die young: collected early, they keep a worker some 60 MB smaller at no loss of speed. */
const NURSERY = { maxYoungGenerationSizeMb: 8 };

/** A worker for one job; disposing gives it back. */
export interface LentWorker extends Disposable {
  readonly worker: Worker;
  /** Hears its messages, or that it broke, until it is given back. */
  listen(message: (message: FromWorker) => void, broken: (error: Error) => void): void;
}

const idle: Worker[] = [];
const timers = new Map<Worker, NodeJS.Timeout>();
const waiting: (() => void)[] = [];
let lent = 0;

/** A worker, once fewer than there are cores are lent. */
export async function takeWorker(signal?: AbortSignal): Promise<LentWorker> {
  while (lent >= availableParallelism()) await turn(signal);
  lent += 1;
  try {
    return lend(idle.pop() ?? (await startWorker()));
  } catch (error) {
    giveTurn();
    throw error;
  }
}

/** Ends the workers that have nothing to do. Those at work end on their own soon after. */
export async function closeWorkers(): Promise<void> {
  await Promise.all(idle.splice(0).map(endWorker));
}

function lend(worker: Worker): LentWorker {
  clearTimeout(timers.get(worker));
  timers.delete(worker);
  worker.ref();
  let whole = true;
  return {
    worker,
    listen(message, broken) {
      const break_ = (error: Error): void => {
        whole = false;
        broken(error);
      };
      worker.on('message', message);
      worker.once('error', break_);
      worker.once('exit', () => break_(new EngineError('Internal', 'the thread that unpacked ended early')));
    },
    [Symbol.dispose]() {
      worker.removeAllListeners();
      worker.unref();
      if (whole) keep(worker);
      else worker.on('error', () => {});
      giveTurn();
    },
  };
}

function keep(worker: Worker): void {
  idle.push(worker);
  worker.on('error', () => drop(worker));
  worker.once('exit', () => drop(worker));
  timers.set(
    worker,
    setTimeout(() => {
      drop(worker);
      void endWorker(worker);
    }, IDLE).unref(),
  );
}

function drop(worker: Worker): void {
  const at = idle.indexOf(worker);
  if (at !== -1) idle.splice(at, 1);
}

async function endWorker(worker: Worker): Promise<void> {
  clearTimeout(timers.get(worker));
  timers.delete(worker);
  worker.removeAllListeners();
  await worker.terminate();
}

/** libuv's pool takes its umask from the thread that starts it, so it must be there before a worker takes one of its own. */
async function startWorker(): Promise<Worker> {
  await stat('/');
  const worker = new Worker(entryFile(import.meta.url, 'unpack-worker'), { resourceLimits: NURSERY });
  worker.setMaxListeners(0);
  return worker;
}

function giveTurn(): void {
  lent -= 1;
  waiting.shift()?.();
}

async function turn(signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const leave = (): void => {
    const at = waiting.indexOf(resolve);
    if (at !== -1) waiting.splice(at, 1);
    reject(signal?.reason);
  };
  waiting.push(resolve);
  signal?.addEventListener('abort', leave, { once: true });
  try {
    await promise;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}
