import { EngineError } from '../std/index.ts';

const SIZE = 1 << 22;
/** Most bytes of one view: what it covers is free again only when the next one is asked for. */
const SPAN = 1 << 18;
const HEADER = 64;
// Indexes in the Int32 view. The counts wrap around; their difference is what lies between.
const WRITTEN = 0;
const TAKEN = 1;
const STATE = 2;
const OPEN = 0;
const ENDED = 1;
const STOPPED = 2;
const CLOSED = 3;

/**
 * Bytes on their way from one thread to another through the same few megabytes: deep enough that the writer works ahead while the reader is busy with
 * something slow. The writer never blocks its thread; the reader does, and so needs no event loop.
 */
export class ByteRing {
  /** For the other thread: `new ByteRing(shared)` there. */
  readonly shared: SharedArrayBuffer;
  readonly #counts: Int32Array;
  readonly #bytes: Buffer;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(HEADER + SIZE)) {
    this.shared = shared;
    this.#counts = new Int32Array(shared, 0, HEADER / 4);
    this.#bytes = Buffer.from(shared, HEADER, SIZE);
  }

  /** Makes it as new. Only where neither side is at work. */
  reset(): void {
    this.#counts.fill(0);
  }

  /** Copies `chunk` in, waiting for room. False where the reader takes no more. */
  async write(chunk: Uint8Array): Promise<boolean> {
    for (let at = 0; at < chunk.length; ) {
      const written = Atomics.load(this.#counts, WRITTEN);
      const taken = Atomics.load(this.#counts, TAKEN);
      if (this.#state !== OPEN) return false;
      const start = position(written);
      const room = Math.min(SIZE - distance(taken, written), SIZE - start, chunk.length - at);
      if (room === 0) {
        const waiting = Atomics.waitAsync(this.#counts, TAKEN, taken, 200);
        if (waiting.async) await waiting.value;
        continue;
      }
      this.#bytes.set(chunk.subarray(at, at + room), start);
      at += room;
      Atomics.store(this.#counts, WRITTEN, (written + room) | 0);
      Atomics.notify(this.#counts, WRITTEN);
    }
    return this.#state === OPEN;
  }

  /** The writer has written all. */
  end(): void {
    this.#leave(ENDED);
  }

  /** The writer gives up: the reader throws Conflict. */
  stop(): void {
    this.#leave(STOPPED);
  }

  /** The reader takes no more. */
  close(): void {
    this.#leave(CLOSED);
  }

  /** All that is written, in views that are valid until the next one is asked for. Blocks the thread where there is nothing yet. */
  *read(): Generator<Buffer, void> {
    try {
      for (;;) {
        const state = this.#state; // before the count: what has ended has its last count
        const written = Atomics.load(this.#counts, WRITTEN);
        const taken = Atomics.load(this.#counts, TAKEN);
        if (state === STOPPED) throw new EngineError('Conflict', 'the bytes that were on their way will not come');
        if (written === taken) {
          if (state !== OPEN) return;
          Atomics.wait(this.#counts, WRITTEN, written);
          continue;
        }
        const start = position(taken);
        const length = Math.min(distance(taken, written), SIZE - start, SPAN);
        yield this.#bytes.subarray(start, start + length);
        Atomics.store(this.#counts, TAKEN, (taken + length) | 0);
        Atomics.notify(this.#counts, TAKEN);
      }
    } finally {
      this.close();
    }
  }

  get #state(): number {
    return Atomics.load(this.#counts, STATE);
  }

  /** The first to leave says why. Both sides may be waiting for the other. */
  #leave(state: number): void {
    Atomics.compareExchange(this.#counts, STATE, OPEN, state);
    Atomics.notify(this.#counts, WRITTEN);
    Atomics.notify(this.#counts, TAKEN);
  }
}

function position(count: number): number {
  return (count >>> 0) % SIZE; // SIZE divides 2^32
}

function distance(from: number, to: number): number {
  return (to - from) | 0;
}
