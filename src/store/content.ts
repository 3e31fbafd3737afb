import { readFileSync, statSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest, DigestMismatch, digestOf } from '../oci/index.ts';
import { type ByteStream, EngineError, isErrno } from '../std/index.ts';
import { touchedAt, touchFile } from './blob-file.ts';
import { diskError } from './disk-error.ts';
import type { ExistingBlob, ExpectedBlob, Ingest } from './ingest.ts';
import { openIngest } from './open-ingest.ts';
import { putDocuments } from './put-documents.ts';
import { blobPath, lockState, namesIn } from './state.ts';

/** Blobs by digest. All of it may be used by any number of processes at once. */
export interface ContentStore {
  /** Where the blob is or would be: `blobs/<algorithm>/<hex>`. InvalidArgument for what is no digest. */
  path(digest: Digest): string;
  stat(digest: Digest): Promise<{ size: number } | undefined>;
  /** A small document, verified: NotFound, DigestMismatch, ResourceExhausted above `limit` bytes (8 MiB by default). */
  read(digest: Digest, options?: { limit?: number }): Promise<Buffer>;
  /** The bytes from `offset` on, as they are on disk: not verified. NotFound. */
  stream(digest: Digest, offset?: number): ByteStream;
  /** Stores a small document durably. */
  put(bytes: Uint8Array): Promise<Digest>;
  /** Stores several, which takes hardly longer than one. */
  putAll(documents: readonly Uint8Array[]): Promise<Digest[]>;
  /**
   * Begins to write a blob. One writes a digest at a time, among all processes: a second caller waits and then finds it. What an earlier writer of
   * the same digest left behind is taken up. Where no digest is given, sha256 is computed.
   */
  ingest(expected: ExpectedBlob, options?: { signal?: AbortSignal }): Promise<Ingest | ExistingBlob>;
  /**
   * Whether the blob is there, for use: it is then spared by any collection that began after this, or that sees a lease from before this.
   * What is used again is touched first, whatever `stat` says.
   */
  touch(digest: Digest): Promise<boolean>;
  /** Every blob, in no order. Files that are not named for a digest are passed over. */
  list(): AsyncIterable<BlobInfo>;
}

export interface BlobInfo {
  readonly digest: Digest;
  readonly size: number;
  /** When it was written or last touched. */
  readonly modified: Date;
}

const DOCUMENT_LIMIT = 8 << 20;
const CHUNK = 1 << 20;

export function openContent(root: string): ContentStore {
  const content: ContentStore = {
    path: (digest) => blobPath(root, digest),

    async stat(digest) {
      return (await statBlob(blobPath(root, digest))) ?? undefined;
    },

    read: (digest, { limit = DOCUMENT_LIMIT } = {}) => readDocument(blobPath(root, digest), digest, limit),

    stream: (digest, offset = 0) => streamFile(blobPath(root, digest), digest, offset),

    async put(bytes) {
      const [digest] = await putDocuments(root, [bytes]);
      return digest as Digest;
    },

    putAll: (documents) => putDocuments(root, documents),

    ingest: (expected, options) => openIngest({ root, touch: content.touch, stat: content.stat }, expected, options),

    async touch(digest) {
      const path = blobPath(root, digest);
      using _lock = await lockState(root, 'content', { mode: 'shared' });
      return await touchFile(path); // under the lock
    },

    async *list() {
      for (const algorithm of ['sha256', 'sha512'] as const) yield* listBlobs(root, algorithm);
    },
  };
  return content;
}

async function statBlob(path: string): Promise<{ size: number } | undefined> {
  try {
    const { size } = await stat(path);
    return { size };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function openBlob(path: string, digest: Digest): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw unreadable(error, digest);
  }
}

function unreadable(error: unknown, digest: Digest): unknown {
  if (isErrno(error, 'ENOENT')) return new EngineError('NotFound', `no blob ${digest}`, { cause: error });
  return diskError(error, `reading blob ${digest}`);
}

/** In one go: a small file is read sooner than a thread is asked to. */
async function readDocument(path: string, digest: Digest, limit: number): Promise<Buffer> {
  const bytes = readWhole(path, digest, limit);
  const actual = digestOf(bytes, algorithmOf(digest));
  if (actual !== digest) throw new DigestMismatch(`blob ${digest} on disk`, digest, actual);
  return bytes;
}

function readWhole(path: string, digest: Digest, limit: number): Buffer {
  try {
    const { size } = statSync(path);
    if (size <= limit) return readFileSync(path);
    throw new EngineError('ResourceExhausted', `blob ${digest} has ${size} bytes, at most ${limit} are read at once`);
  } catch (error) {
    throw unreadable(error, digest);
  }
}

/** Reads one chunk ahead, each into a buffer of its own. */
async function* streamFile(path: string, digest: Digest, offset: number): AsyncGenerator<Buffer, void> {
  await using file = await openBlob(path, digest);
  const { size } = await file.stat();
  const readAt = async (at: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(CHUNK, size - at)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    return buffer.subarray(0, bytesRead);
  };
  let next = readAt(offset);
  for (let at = offset; at < size; ) {
    const chunk = await next;
    if (chunk.length === 0) throw new EngineError('DataLoss', `blob ${digest} was cut short while it was read`);
    at += chunk.length;
    next = readAt(at);
    next.catch(() => {}); // awaited by the next turn, if there is one
    yield chunk;
  }
  await next;
}

async function* listBlobs(root: string, algorithm: 'sha256' | 'sha512'): AsyncGenerator<BlobInfo, void> {
  for await (const name of namesIn(join(root, 'blobs', algorithm))) {
    const digest = digestOfName(algorithm, name);
    if (!digest) continue;
    try {
      const found = await stat(blobPath(root, digest));
      yield { digest, size: found.size, modified: new Date(touchedAt(found)) };
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error; // removed meanwhile
    }
  }
}

function digestOfName(algorithm: 'sha256' | 'sha512', name: string): Digest | undefined {
  const length = algorithm === 'sha256' ? 64 : 128;
  return name.length === length && /^[0-9a-f]+$/.test(name) ? `${algorithm}:${name}` : undefined;
}
