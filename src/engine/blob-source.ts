import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { decompress, detectCompression, MAGIC_LENGTH } from '../compression/index.ts';
import type { LayerSource } from '../layer/index.ts';

/**
 * A layer's bytes out of its blob. A plain tar is read where it is asked for; a compressed one from its beginning to there, and on from
 * there as long as what is asked for lies ahead.
 */
export class BlobSource implements LayerSource, AsyncDisposable {
  readonly #path: string;
  #plain: Promise<FileHandle | undefined> | undefined;
  #stream: AsyncIterator<Uint8Array> | undefined;
  /** Of the uncompressed tar: where `#chunk` begins. */
  #at = 0;
  #chunk: Uint8Array = new Uint8Array();
  /** Reads of a stream wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    this.#plain ??= openPlain(this.#path);
    const file = await this.#plain;
    if (file) {
      const bytes = Buffer.allocUnsafe(length);
      const { bytesRead } = await file.read(bytes, 0, length, offset);
      return bytes.subarray(0, bytesRead);
    }
    const reading = this.#turn.then(() => this.#readStream(offset, length));
    this.#turn = reading.catch(() => {});
    return reading;
  }

  async #readStream(offset: number, length: number): Promise<Buffer> {
    if (!this.#stream || offset < this.#at) await this.#restart();
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const from = offset + done - this.#at;
      if (from < this.#chunk.length) {
        const part = this.#chunk.subarray(from, from + length - done);
        bytes.set(part, done);
        done += part.length;
        continue;
      }
      this.#at += this.#chunk.length;
      const next = await this.#stream?.next();
      if (!next || next.done) return bytes.subarray(0, done);
      this.#chunk = next.value;
    }
    return bytes;
  }

  async #restart(): Promise<void> {
    await this.#stream?.return?.();
    this.#stream = decompress(createReadStream(this.#path, { highWaterMark: 1 << 20 }))[Symbol.asyncIterator]();
    this.#at = 0;
    this.#chunk = new Uint8Array();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    await this.#stream?.return?.();
    await (await this.#plain)?.close();
  }
}

/** The file where it is no compressed one. */
async function openPlain(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, 'r');
  const magic = Buffer.alloc(MAGIC_LENGTH);
  const { bytesRead } = await file.read(magic, 0, MAGIC_LENGTH, 0);
  if (detectCompression(magic.subarray(0, bytesRead)) === 'none') return file;
  await file.close();
  return undefined;
}
