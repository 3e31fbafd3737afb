import type { Transform } from 'node:stream';

const OUTPUT_CHUNK = 1 << 20;
const QUEUED = 2;

/** For the streams that a pump drives: with Node's default of 16 KiB chunks they are half as fast. */
export const PUMP_OPTIONS: { readonly chunkSize: number; readonly readableHighWaterMark: number } = {
  chunkSize: OUTPUT_CHUNK,
  readableHighWaterMark: QUEUED * OUTPUT_CHUNK,
};

type ZlibStream = Transform & { readonly bytesWritten: number };

/**
 * Drives one of Node's zlib streams by hand: bytes in, chunks out, its work in libuv's pool while the caller uses the last chunk.
 * Unlike a pipe it tells when a piece of input is taken in whole, which is where a frame ends.
 */
export class ZlibPump implements Disposable {
  readonly #stream: ZlibStream;
  readonly #chunks: Buffer[] = [];
  #error: Error | undefined;
  #ended = false;
  #wake = () => {};

  constructor(stream: ZlibStream) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      if (this.#chunks.length >= QUEUED) stream.pause();
      this.#wake();
    });
    stream.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    stream.on('error', (error: Error) => {
      this.#error = error;
      this.#wake();
    });
  }

  /** Input that the decoder took; less than was written where it found its end. */
  get taken(): number {
    return this.#stream.bytesWritten;
  }

  /** Feeds `piece` and yields all that comes of it. */
  async *write(piece: Uint8Array): AsyncGenerator<Buffer, void> {
    let taken = false;
    this.#stream.write(piece, () => {
      taken = true;
      this.#wake();
    });
    yield* this.#output(() => taken && this.#stream.readableLength === 0);
  }

  /** There is no more input: the rest of the output. */
  async *end(): AsyncGenerator<Buffer, void> {
    this.#stream.end();
    yield* this.#output(() => this.#ended);
  }

  [Symbol.dispose](): void {
    this.#stream.destroy();
  }

  async *#output(isDone: () => boolean): AsyncGenerator<Buffer, void> {
    for (;;) {
      for (let chunk = this.#chunks.shift(); chunk; chunk = this.#chunks.shift()) yield chunk;
      if (this.#error) throw this.#error;
      if (isDone()) {
        if (this.#chunks.length === 0) return;
        continue;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      if (this.#stream.isPaused()) this.#stream.resume();
      await promise;
    }
  }
}

/** Gives back the memory of a pump's chunk, which was used up, and of those before it in the same buffer. */
export function freeOutput(chunk: Buffer): void {
  const { buffer, byteOffset, length } = chunk;
  // Zlib goes on filling a buffer that is not full; other sizes are not a pump's.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === OUTPUT_CHUNK && byteOffset + length === OUTPUT_CHUNK) {
    buffer.transfer(0);
  }
}
