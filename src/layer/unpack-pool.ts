import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { EngineError, entryFile } from '../std/index.ts';
import type { FromWorker, ToWorker } from './unpack-worker.ts';

/** How long a worker without work stays: the layers of one image come in quick succession. */
const IDLE = 2_000; // milliseconds

/** What a layer passes through dies young: collected early, it keeps a worker tens of megabytes smaller at no loss of speed. */
const NURSERY = { maxYoungGenerationSizeMb: 3 };

/** Who hears of a worker at work. */
export interface Listener {
  message(message: FromWorker): void;
  /** The worker is gone; it answers no more. */
  broken(error: Error): void;
}

/** A worker for one job; disposing gives it back. */
export interface LentWorker extends Disposable {
  send(message: ToWorker): void;
  listen(listener: Listener): void;
}

/** A thread with its one listener of the moment. */
interface Hand {
  readonly worker: Worker;
  listener: Listener | undefined;
  timer: NodeJS.Timeout | undefined;
  broken: Error | undefined;
}

const idle = new Set<Hand>();
const waiting: (() => void)[] = [];
let lent = 0;

/** A worker, once fewer than there are cores are lent. */
export async function takeWorker(signal?: AbortSignal): Promise<LentWorker> {
  while (lent >= availableParallelism()) await turn(signal);
  lent += 1;
  try {
    const [kept] = idle;
    if (!kept) return lend(await startWorker());
    idle.delete(kept);
    clearTimeout(kept.timer);
    return lend(kept);
  } catch (error) {
    giveTurn();
    throw error;
  }
}

/** Starts a worker ahead of the first layer, so that it is ready when that comes. */
export async function readyWorker(): Promise<void> {
  if (idle.size > 0 || lent > 0) return;
  const hand = await startWorker();
  hand.worker.unref();
  keep(hand);
}

/** Ends the workers that have nothing to do. Those at work end on their own soon after. */
export async function closeWorkers(): Promise<void> {
  const ending = [...idle];
  idle.clear();
  for (const { timer } of ending) clearTimeout(timer);
  await Promise.all(ending.map(({ worker }) => worker.terminate()));
}

function lend(hand: Hand): LentWorker {
  hand.worker.ref();
  return {
    send: (message) => hand.worker.postMessage(message),
    listen(listener) {
      hand.listener = listener;
      if (hand.broken) listener.broken(hand.broken);
    },
    [Symbol.dispose]() {
      hand.listener = undefined;
      hand.worker.unref();
      if (!hand.broken) keep(hand);
      giveTurn();
    },
  };
}

function keep(hand: Hand): void {
  idle.add(hand);
  hand.timer = setTimeout(() => {
    if (idle.delete(hand)) void hand.worker.terminate();
  }, IDLE).unref();
}

async function startWorker(): Promise<Hand> {
  await stat('/'); // libuv's pool takes its umask from the thread that starts it: it must be there before a worker has one of its own
  const worker = new Worker(entryFile(import.meta.url, 'unpack-worker'), { resourceLimits: NURSERY });
  const hand: Hand = { worker, listener: undefined, timer: undefined, broken: undefined };
  const breaks = (error: Error): void => {
    hand.broken ??= error;
    idle.delete(hand);
    hand.listener?.broken(hand.broken);
  };
  worker.on('message', (message: FromWorker) => hand.listener?.message(message));
  worker.once('error', (error) =>
    breaks(
      new EngineError('Internal', `the thread that unpacked failed: ${(error as Error).message}`, { cause: error }),
    ),
  );
  worker.once('exit', () => breaks(new EngineError('Internal', 'the thread that unpacked ended early')));
  return hand;
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
