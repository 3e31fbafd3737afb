import { type FileHandle, open } from 'node:fs/promises';
import { EngineError, isErrno } from './errors.ts';

const CHUNK = 1 << 20;
/** Of what is read with `reuse`: a reader may have one, ask for the next, and have a third read ahead. */
const RING = { buffers: 4, size: 512 * 1024 };
const AVAILABLE = 0; // index of the count of readable bytes, in the BigInt64 view
const STATE = 2; // index of the state, in the Int32 view
const MOVED_LENGTH = 3; // index of the length of the path that the file moved to, in the Int32 view
const MOVED = 16; // where that path begins
const MOVED_LIMIT = 4096; // PATH_MAX
const GROWING = 0;
const FINISHED = 1;
const FAILED = 2;

/** What another thread needs to read along: posted to a worker as it is. */
export interface GrowingFileHandle {
  readonly path: string;
  readonly shared: SharedArrayBuffer;
}

/**
 * A file that one thread writes while others read what is already there: a blob that unpacks while it still downloads.
 * The writer reports progress; readers, in any thread, wait for more.
 */
export class GrowingFile {
  readonly path: string;
  readonly #shared: SharedArrayBuffer;
  readonly #available: BigInt64Array;
  readonly #state: Int32Array;

  constructor(path: string, shared: SharedArrayBuffer = new SharedArrayBuffer(MOVED + MOVED_LIMIT)) {
    this.path = path;
    this.#shared = shared;
    this.#available = new BigInt64Array(shared, 0, 1);
    this.#state = new Int32Array(shared, 0, 4);
  }

  /** A whole file, for readers that take both kinds. */
  static whole(path: string, size: number): GrowingFile {
    const file = new GrowingFile(path);
    file.advance(size);
    file.finish();
    return file;
  }

  /** The same file as another thread sees it; `new GrowingFile(handle.path, handle.shared)` there. */
  get handle(): GrowingFileHandle {
    return { path: this.path, shared: this.#shared };
  }

  /** The first `size` bytes are in the file now. */
  advance(size: number): void {
    Atomics.store(this.#available, AVAILABLE, BigInt(size));
    Atomics.notify(this.#available, AVAILABLE);
  }

  /** The file is about to be renamed to `path`: readers that come late, in any thread, find it there. */
  moveTo(path: string): void {
    const bytes = Buffer.from(path);
    if (bytes.length > MOVED_LIMIT) throw new EngineError('InvalidArgument', `path too long: ${path}`);
    new Uint8Array(this.#shared, MOVED).set(bytes);
    Atomics.store(this.#state, MOVED_LENGTH, bytes.length);
  }

  /** Where {@link moveTo} said that the file goes. */
  get movedTo(): string | undefined {
    const length = Atomics.load(this.#state, MOVED_LENGTH);
    return length === 0 ? undefined : Buffer.from(new Uint8Array(this.#shared, MOVED, length)).toString();
  }

  /** No more will come. */
  finish(): void {
    this.#end(FINISHED);
  }

  /** What is there is not to be used: readers get an Unavailable error. Ignored after {@link finish}. */
  fail(): void {
    if (Atomics.load(this.#state, STATE) === GROWING) this.#end(FAILED);
  }

  /** The content from `offset` on, waiting at the end for more until the writer finishes. Each chunk is a buffer of its own. */
  read(offset = 0): AsyncGenerator<Buffer, void> {
    return this.#read(offset, (limit) => Buffer.allocUnsafeSlow(Math.min(CHUNK, limit)));
  }

  /** {@link read} into the same few buffers again and again: a chunk is valid until the third one after it is asked for. */
  readReusing(offset = 0): AsyncGenerator<Buffer, void> {
    const ring = Array.from({ length: RING.buffers }, () => Buffer.allocUnsafeSlow(RING.size));
    let turn = 0;
    return this.#read(offset, (limit) => (ring[turn++ % RING.buffers] as Buffer).subarray(0, limit));
  }

  async *#read(offset: number, bufferFor: (limit: number) => Buffer): AsyncGenerator<Buffer, void> {
    await using file = await this.#open();
    for (let at = offset; ; ) {
      const state = Atomics.load(this.#state, STATE); // before the size: what is finished has its last size
      const available = Number(Atomics.load(this.#available, AVAILABLE));
      if (state === FAILED) throw this.#givenUp();
      if (at < available) {
        const buffer = bufferFor(available - at);
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw new EngineError('DataLoss', `${this.path} is shorter than its writer said`);
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      } else if (state === FINISHED) {
        return;
      } else {
        const waiting = Atomics.waitAsync(this.#available, AVAILABLE, BigInt(available), 200);
        if (waiting.async) await waiting.value;
      }
    }
  }

  async #open(): Promise<FileHandle> {
    try {
      return await open(this.path, 'r');
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      if (Atomics.load(this.#state, STATE) === FAILED) throw this.#givenUp();
      const moved = this.movedTo;
      if (moved === undefined) throw error;
      return open(moved, 'r');
    }
  }

  #givenUp(): EngineError {
    return new EngineError('Unavailable', `${this.path} was given up by its writer`);
  }

  #end(state: number): void {
    Atomics.store(this.#state, STATE, state);
    Atomics.notify(this.#available, AVAILABLE);
  }
}
