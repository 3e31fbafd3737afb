import { randomUUID } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import { algorithmOf, type Digest, DigestMismatch, digestOf } from '../../oci/index.ts';
import { EngineError } from '../../std/index.ts';
import type { Appended, BlobStorage, ReceiveLimits } from './blobs.ts';

const PIECE = 256 * 1024;

interface Session {
  readonly repository: string;
  chunks: Buffer[];
  size: number;
  touched: number;
  writer?: { readonly abort: AbortController; readonly done: Promise<unknown> };
}

/** Blobs in memory, for tests: no file, no disk, all gone with the process. */
export function memoryBlobs(): BlobStorage {
  const blobs = new Map<Digest, Buffer>();
  const sessions = new Map<string, Session>();

  const require = (id: string): Session => {
    const session = sessions.get(id);
    if (!session) throw new EngineError('NotFound', `no upload ${id}`);
    return session;
  };

  return {
    async send(digest, { start, end }, sink) {
      const content = blobs.get(digest);
      if (!content) throw new EngineError('DataLoss', `the bytes of ${digest} are gone`);
      for (let at = start; at <= end; at += PIECE) {
        await write(sink, content.subarray(at, Math.min(at + PIECE, end + 1)));
      }
    },

    async sizeOf(digest) {
      return blobs.get(digest)?.length;
    },

    async store(source, digest, limits) {
      const session: Session = { repository: '', chunks: [], size: 0, touched: 0 };
      if (!(await receive(session, source, limits, new AbortController().signal))) return undefined;
      blobs.set(digest, verified(session, digest));
      return session.size;
    },

    async startUpload(repository) {
      const id = randomUUID();
      sessions.set(id, { repository, chunks: [], size: 0, touched: Date.now() });
      return { id, repository, offset: 0 };
    },

    async findUpload(id) {
      const session = sessions.get(id);
      return session && { id, repository: session.repository, offset: session.size };
    },

    async append(id, source, { expectedOffset, ...limits }) {
      const session = require(id);
      return await exclusively(session, async (signal): Promise<Appended & { misplaced?: boolean }> => {
        if (expectedOffset !== undefined && expectedOffset !== session.size) {
          return { offset: session.size, complete: false, misplaced: true };
        }
        const complete = await receive(session, source, limits, signal);
        session.touched = Date.now();
        return { offset: session.size, complete };
      });
    },

    async finishUpload(id, digest) {
      const session = require(id);
      return await exclusively(session, async () => {
        sessions.delete(id);
        blobs.set(digest, verified(session, digest));
        return session.size;
      });
    },

    async cancelUpload(id) {
      const session = require(id);
      await exclusively(session, async () => void sessions.delete(id));
    },

    async *list() {
      yield* [...blobs.keys()];
    },

    async remove(digest) {
      const size = blobs.get(digest)?.length ?? 0;
      blobs.delete(digest);
      return size;
    },

    async expireUploads(before) {
      const dead = [...sessions].filter(([, { writer, touched }]) => !writer && touched < before);
      for (const [id] of dead) sessions.delete(id);
      return dead.length;
    },

    async [Symbol.asyncDispose]() {
      for (const { writer } of sessions.values()) writer?.abort.abort();
      blobs.clear();
    },
  };
}

/** One writer a session: a newcomer ends the one before. */
async function exclusively<Result>(session: Session, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const before = session.writer;
  const abort = new AbortController();
  before?.abort.abort();
  const done = (before?.done ?? Promise.resolve()).catch(() => {}).then(() => work(abort.signal));
  const writer = { abort, done };
  session.writer = writer;
  try {
    return await done;
  } finally {
    if (session.writer === writer) delete session.writer;
  }
}

/** Whether the source ended on its own; what came of one that did not is kept. */
function receive(session: Session, source: Readable, { bytes }: ReceiveLimits, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stop = (complete: boolean, error?: unknown): void => {
      source.off('data', onData).off('end', onEnd).off('close', breakOff);
      signal.removeEventListener('abort', breakOff);
      if (error === undefined) resolve(complete);
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      if (session.size + chunk.length > bytes) {
        stop(false, new EngineError('ResourceExhausted', `blob is larger than ${bytes} bytes`));
        return;
      }
      session.chunks.push(chunk);
      session.size += chunk.length;
    };
    const onEnd = (): void => stop(true);
    const breakOff = (): void => stop(false);
    signal.addEventListener('abort', breakOff, { once: true });
    source.on('data', onData).on('end', onEnd).on('close', breakOff).on('error', breakOff);
    if (signal.aborted || source.destroyed) breakOff();
    else if (source.readableEnded) onEnd();
    else source.resume();
  });
}

function verified({ chunks, size }: Session, digest: Digest): Buffer {
  const content = Buffer.concat(chunks, size);
  const actual = digestOf(content, algorithmOf(digest));
  if (actual !== digest) throw new DigestMismatch('upload', digest, actual);
  return content;
}

function write(sink: Writable, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new EngineError('Unavailable', 'the reader went away'));
    if (sink.destroyed) return onClose();
    sink.once('close', onClose);
    sink.write(chunk, (error) => {
      sink.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}
