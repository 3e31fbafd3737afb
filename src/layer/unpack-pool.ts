import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { EngineError, entryFile } from '../std/index.ts';
import { ByteRing } from './byte-ring.ts';
import type { Answer, FromWorker, ToWorker, WorkerData } from './unpack-worker.ts';

/** How long a worker without work stays: the layers of one image come in quick succession. */
const IDLE = 2_000; // milliseconds

/** What a layer passes through dies young: collected early, it keeps a worker tens of megabytes smaller at no loss of speed. */
const NURSERY = { maxYoungGenerationSizeMb: 3 };

/** Who hears of a worker at work. */
export interface Listener {
  message(message: Answer): void;
  /** The worker is gone; it answers no more. */
  broken(error: Error): void;
}

/** A worker for one job; disposing gives it back. */
export interface LentWorker extends Disposable {
  /** Where the worker reads its tar. */
  readonly ring: ByteRing;
  send(message: ToWorker): void;
  listen(listener: Listener): void;
}

/** A thread with its one listener of the moment. */
interface Hand {
  readonly worker: Worker;
  readonly ring: ByteRing;
  /** Settles when it has loaded what it needs, or is gone. A thread that is ended while it loads native code takes the process with it. */
  readonly ready: Promise<void>;
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

/** Starts a worker ahead of the first layer, so that it is ready when that comes. To be disposed of before the process ends. */
export function readyWorker(): AsyncDisposable {
  const starting = idle.size > 0 || lent > 0 ? undefined : startWorker();
  starting?.then(keep, () => {}); // what fails here fails again where it matters
  return {
    async [Symbol.asyncDispose]() {
      const hand = await starting?.catch(() => undefined);
      await hand?.ready;
      if (hand && idle.has(hand)) hand.worker.unref();
    },
  };
}

/** Ends the workers that have nothing to do. Those at work end on their own soon after. */
export async function closeWorkers(): Promise<void> {
  const ending = [...idle];
  idle.clear();
  for (const { timer } of ending) clearTimeout(timer);
  await Promise.all(ending.map(end));
}

function lend(hand: Hand): LentWorker {
  hand.worker.ref();
  hand.ring.reset();
  return {
    ring: hand.ring,
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
    if (idle.delete(hand)) void end(hand);
  }, IDLE).unref();
}

async function end({ worker, ready }: Hand): Promise<void> {
  await ready;
  await worker.terminate();
}

async function startWorker(): Promise<Hand> {
  await stat('/'); // libuv's pool takes its umask from the thread that starts it: it must be there before a worker has one of its own
  const ring = new ByteRing();
  const workerData: WorkerData = { ring: ring.shared };
  const worker = new Worker(entryFile(import.meta.url, 'unpack-worker'), { resourceLimits: NURSERY, workerData });
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  const hand: Hand = { worker, ring, ready, listener: undefined, timer: undefined, broken: undefined };
  const breaks = (error: Error): void => {
    hand.broken ??= error;
    ring.close();
    idle.delete(hand);
    isReady();
    hand.listener?.broken(hand.broken);
  };
  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'ready') isReady();
    else hand.listener?.message(message);
  });
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
