import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, createDigester, type Digest, type DigestAlgorithm, DigestMismatch } from '../oci/index.ts';
import { EngineError, GrowingFile, isErrno } from '../std/index.ts';
import { renameDurably } from './blob-file.ts';
import { diskError } from './disk-error.ts';
import type { ExpectedBlob, Ingest } from './ingest.ts';
import { removeIngest, removeIngestFolder, removeNotes, resumableBytes, writeProgress } from './ingest-folder.ts';
import { blobPath } from './state.ts';

/** Bytes written at once. One batch fills while the other is written. */
const BATCH = 1 << 18;
/** Bytes after which the disk is set to work in the background, so that the wait at the end is short. */
const SYNC_EVERY = 32 << 20;

interface Opened {
  readonly root: string;
  readonly folder: string;
  /** `data`, held by its flock until closed. */
  readonly file: FileHandle;
  readonly expected: ExpectedBlob;
}

/** The writer of one `ingests/<id>/`. */
export class IngestWriter implements Ingest {
  readonly #root: string;
  readonly #folder: string;
  readonly #data: FileHandle;
  readonly #expected: ExpectedBlob;
  readonly #algorithm: DigestAlgorithm;
  #file: GrowingFile;
  #digester: ReturnType<typeof createDigester>;
  #offset = 0;
  /** Bytes taken in: hashed, and on their way to the file. */
  #size = 0;
  /** Bytes in the file. */
  #written = 0;
  #syncBegun = 0;
  #batch: Buffer | undefined;
  #spare: Buffer | undefined;
  #fill = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();
  #state: 'open' | 'committed' | 'useless' | 'closed' = 'open';

  /** Takes up what is in the file already. */
  static async begin(opened: Opened): Promise<IngestWriter> {
    const writer = new IngestWriter(opened);
    await writer.#resume();
    return writer;
  }

  private constructor({ root, folder, file, expected }: Opened) {
    this.#root = root;
    this.#folder = folder;
    this.#data = file;
    this.#expected = expected;
    this.#algorithm = expected.digest ? algorithmOf(expected.digest) : 'sha256';
    this.#file = new GrowingFile(join(folder, 'data'));
    this.#digester = createDigester(this.#algorithm);
  }

  get file(): GrowingFile {
    return this.#file;
  }

  get offset(): number {
    return this.#offset;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#requireOpen();
    const { size } = this.#expected;
    if (size !== undefined && this.#size + chunk.length > size) {
      this.#state = 'useless';
      throw new EngineError('DataLoss', `${this.#name} is longer than the ${size} bytes that it should have`);
    }
    this.#digester.update(chunk);
    this.#size += chunk.length;
    for (let taken = 0; taken < chunk.length; ) {
      this.#batch ??= Buffer.allocUnsafeSlow(Math.min(BATCH, Math.max(size ?? BATCH, 1)));
      const part = chunk.subarray(taken, taken + this.#batch.length - this.#fill);
      this.#batch.set(part, this.#fill);
      this.#fill += part.length;
      taken += part.length;
      if (this.#fill === this.#batch.length) await this.#flush();
    }
  }

  async restart(): Promise<void> {
    this.#requireOpen();
    await this.#settle();
    this.#file.fail();
    await this.#empty();
    this.#file = new GrowingFile(join(this.#folder, 'data'));
  }

  async commit(): Promise<{ digest: Digest; size: number }> {
    this.#requireOpen();
    try {
      await this.#flush();
      await this.#writing;
      await this.#syncing;
      const digest = this.#verify();
      const now = new Date();
      await this.#data.utimes(now, now); // the program's clock, as touch sets it: what was resumed may be old
      await this.#data.sync();
      await removeNotes(this.#folder);
      this.#file.moveTo(blobPath(this.#root, digest));
      await renameDurably(this.#root, join(this.#folder, 'data'), digest);
      this.#state = 'committed';
      this.#file.finish();
      await removeIngestFolder(this.#folder);
      return { digest, size: this.#size };
    } catch (error) {
      throw this.#failed(error);
    } finally {
      if (this.#state === 'committed') await this.#data.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'committed' || this.#state === 'closed') return;
    const keep = this.#state === 'open' && this.#expected.digest !== undefined;
    this.#state = 'closed';
    this.#file.fail();
    try {
      if (keep) await this.#flush().catch(() => {}); // a shorter start for the next writer is no failure
      await this.#settle();
      if (!keep || this.#written === 0) await removeIngest(this.#folder);
    } finally {
      await this.#data.close();
    }
  }

  get #name(): string {
    return `blob ${this.#expected.digest ?? `from ${this.#expected.reference ?? 'an unnamed source'}`}`;
  }

  #requireOpen(): void {
    if (this.#state !== 'open') throw new EngineError('Conflict', `${this.#name} is not being written any more`);
  }

  /** Re-hashes what an earlier writer left; begins anew where that can't be trusted. */
  async #resume(): Promise<void> {
    const { size } = await this.#data.stat();
    const usable = size === 0 ? 0 : await resumableBytes(this.#folder, size);
    if (usable === 0 || usable > (this.#expected.size ?? usable)) return this.#empty();
    if (usable < size) await this.#data.truncate(usable);
    const buffer = Buffer.allocUnsafeSlow(Math.min(BATCH, usable));
    for (let at = 0; at < usable; ) {
      const { bytesRead } = await this.#data.read(buffer, 0, Math.min(buffer.length, usable - at), at);
      if (bytesRead === 0) return this.#empty();
      this.#digester.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    this.#offset = this.#size = this.#written = this.#syncBegun = usable;
    this.#file.advance(usable);
  }

  async #empty(): Promise<void> {
    this.#digester = createDigester(this.#algorithm);
    this.#offset = this.#size = this.#written = this.#syncBegun = this.#fill = 0;
    await this.#data.truncate(0);
    if (this.#expected.digest) await writeProgress(this.#folder, 0);
  }

  /** Hands the batch to the disk as soon as the one before is there. */
  async #flush(): Promise<void> {
    try {
      await this.#writing;
    } catch (error) {
      throw this.#failed(error);
    }
    if (!this.#batch || this.#fill === 0) return;
    const full = this.#batch;
    const bytes = full.subarray(0, this.#fill);
    this.#batch = this.#spare;
    this.#spare = full;
    this.#fill = 0;
    this.#writing = this.#writeOut(bytes);
    this.#writing.catch(() => {}); // thrown by whoever waits for it next
  }

  async #writeOut(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#data.write(bytes, done, bytes.length - done, this.#written);
      done += bytesWritten;
      this.#written += bytesWritten;
    }
    this.#file.advance(this.#written);
    if (this.#written - this.#syncBegun >= SYNC_EVERY) this.#syncBehind();
  }

  #syncBehind(): void {
    const written = this.#written;
    this.#syncBegun = written;
    this.#syncing = this.#syncing.then(async () => {
      await this.#data.datasync();
      if (this.#expected.digest) await writeProgress(this.#folder, written);
    });
    this.#syncing.catch(() => {}); // thrown by commit
  }

  #verify(): Digest {
    const { size, digest } = this.#expected;
    if (size !== undefined && this.#size < size) {
      // Cut off, not wrong: more can be written, by this writer or the next.
      throw new EngineError('DataLoss', `${this.#name} ended after ${this.#size} of ${size} bytes`);
    }
    const actual = this.#digester.digest();
    if (digest !== undefined && actual !== digest) {
      this.#state = 'useless';
      throw new DigestMismatch(this.#name, digest, actual);
    }
    return actual;
  }

  /** Waits until nothing of ours touches the file any more. */
  async #settle(): Promise<void> {
    await Promise.allSettled([this.#writing]);
    await Promise.allSettled([this.#syncing]); // begun by the last write
  }

  #failed(error: unknown): unknown {
    // A full disk is helped by what is given up, not by what is kept for later.
    if (isErrno(error, 'ENOSPC', 'EDQUOT')) this.#state = 'useless';
    return diskError(error, `writing ${this.#name}`);
  }
}
