import type { Hash } from 'node:crypto';
import { fdatasync, writev } from 'node:fs';
import type { Readable } from 'node:stream';
import { EngineError } from '../../std/index.ts';
import type { ReceiveLimits } from './blobs.ts';

const BATCH = 1 << 20; // what one write takes
const HIGH = 4 << 20; // what may wait in memory before the sender is paused
const MANY = 512; // chunks: tiny ones cost more than their bytes
const WATCH_INTERVAL = 10_000;
const SYNC_EVERY = 32 << 20;

/** One at a time for all uploads: the others need libuv's few threads. */
let syncingEarly = false;

/** Where a file ends now, and whether the source ended on its own. */
export interface Received {
  readonly end: number;
  readonly complete: boolean;
}

/**
 * Writes `source` to the file from `start` on, hashing as it passes: one large write at a time, in order, so that whatever moment the
 * process dies at, the file is a prefix of what was sent; the next batch gathers meanwhile. A source that breaks off is no error.
 * `durable` starts the disk early, so that the caller's sync at the end has little left to wait for. `signal` ends it as if the source had broken off. Throws what writing throws, and ResourceExhausted beyond the limits.
 */
export function receive(
  source: Readable,
  fd: number,
  start: number,
  { hash, limits, durable, signal }: { hash: Hash; limits: ReceiveLimits; durable: boolean; signal: AbortSignal },
): Promise<Received> {
  return new Promise((resolve, reject) => {
    let queue: Buffer[] = [];
    let queued = 0;
    let end = start;
    let taken = start;
    let writing = false;
    let ended = false;
    let complete = false;
    let failure: unknown;
    let synced = start;
    let syncing = false;

    const stop = (isComplete: boolean): void => {
      if (ended) return;
      ended = true;
      complete = isComplete;
      clearInterval(watch);
      signal.removeEventListener('abort', breakOff);
      source.off('data', onData).off('end', onEnd).off('close', breakOff);
      pump();
    };
    const fail = (error: unknown): void => {
      failure ??= error;
      stop(false);
      pump();
    };
    const breakOff = (): void => stop(false);
    const onEnd = (): void => stop(true);

    const onData = (chunk: Buffer): void => {
      taken += chunk.length;
      if (taken > limits.bytes) {
        fail(new EngineError('ResourceExhausted', `blob is larger than ${limits.bytes} bytes`));
        return;
      }
      hash.update(chunk);
      queue.push(chunk);
      queued += chunk.length;
      if (queued >= HIGH || queue.length >= 2 * MANY) source.pause();
      pump();
    };

    const pump = (): void => {
      if (writing) return;
      if (failure !== undefined) {
        if (!syncing) reject(failure); // until then the descriptor is in use
      } else if (queued > 0 && (ended || queued >= BATCH || queue.length >= MANY)) {
        const batch = queue;
        const size = queued;
        queue = [];
        queued = 0;
        writing = true;
        writeAll(fd, batch, end, (error) => {
          writing = false;
          if (error) return fail(error);
          end += size;
          if (!ended) source.resume();
          if (durable && !ended && end - synced >= SYNC_EVERY) syncEarly();
          pump();
        });
      } else if (ended && !syncing) {
        resolve({ end, complete });
      }
    };

    const syncEarly = (): void => {
      if (syncingEarly) return;
      syncingEarly = true;
      syncing = true;
      synced = end;
      fdatasync(fd, (error) => {
        syncingEarly = false;
        syncing = false;
        if (!error) return pump();
        fail(error); // a disk's error is told once: the sync at the end would know nothing of it
      });
    };

    let seen = start;
    const watch = setInterval(() => {
      // A paused source waits for our disk, not we for it.
      if (!source.isPaused() && taken - seen < (limits.slowest * WATCH_INTERVAL) / 1000) breakOff();
      seen = taken;
    }, WATCH_INTERVAL);
    watch.unref();

    signal.addEventListener('abort', breakOff, { once: true });
    source.on('data', onData).on('end', onEnd).on('close', breakOff).on('error', breakOff);
    if (signal.aborted || source.destroyed) breakOff();
    else if (source.readableEnded) onEnd();
    else source.resume();
  });
}

/** writev(2) until all is written: it may take less than it was given. */
function writeAll(fd: number, buffers: Buffer[], position: number, done: (error?: Error) => void): void {
  writev(fd, buffers, position, (error, written) => {
    if (error) return done(error);
    let rest = written;
    let index = 0;
    for (; index < buffers.length; index += 1) {
      const { length } = buffers[index] as Buffer;
      if (rest < length) break;
      rest -= length;
    }
    if (index === buffers.length) return done();
    const remaining = [(buffers[index] as Buffer).subarray(rest), ...buffers.slice(index + 1)];
    writeAll(fd, remaining, position + written, done);
  });
}
