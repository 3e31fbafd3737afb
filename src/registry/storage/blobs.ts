import type { Readable, Writable } from 'node:stream';
import type { Digest, DigestAlgorithm } from '../../oci/index.ts';

/** Bytes `start` to `end`, both included, as HTTP counts. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** An upload session: bytes that have no digest yet. It outlives the process that began it. */
export interface Upload {
  readonly id: string;
  /** The repository that it was begun in: nobody finds it through another one. */
  readonly repository: string;
  /** How many bytes are there. */
  readonly offset: number;
}

/** What {@link BlobStorage.append} did. */
export interface Appended {
  readonly offset: number;
  /** False where the source ended early: what came is kept, so that the client can go on from `offset`. */
  readonly complete: boolean;
}

/** How much a source may send. */
export interface ReceiveLimits {
  /** Bytes of a blob in all. */
  readonly bytes: number;
  /** Bytes a second, averaged over ten seconds, below which a sender is given up. */
  readonly slowest: number;
}

/**
 * Bytes by their digest, stored once whoever sends them; who may read them is decided by the names. A blob is visible whole, verified and
 * durable, or not at all.
 */
export interface BlobStorage extends AsyncDisposable {
  /** Writes a blob's bytes, or a part of them, to `sink` without ending it. Throws where the sink closes early, and DataLoss where bytes are missing. */
  send(digest: Digest, range: ByteRange, sink: Writable): Promise<void>;
  /** Stores `source` under `digest` and returns its size; undefined where it ended early. Throws {@link DigestMismatch}. */
  store(source: Readable, digest: Digest, limits: ReceiveLimits): Promise<number | undefined>;
  /** Begins a session; `algorithm` is the one that its digest will probably have. */
  startUpload(repository: string, algorithm?: DigestAlgorithm): Promise<Upload>;
  findUpload(id: string): Promise<Upload | undefined>;
  /**
   * Appends `source` to a session. A second writer of one session ends the first, whose client has usually gone without a word.
   * `expectedOffset` is where the sender believes to be; the session is untouched and its offset comes back where that is wrong.
   */
  append(
    id: string,
    source: Readable,
    limits: ReceiveLimits & { readonly expectedOffset?: number },
  ): Promise<Appended & { readonly misplaced?: boolean }>;
  /** Ends a session: its bytes become the blob `digest`. Returns their count. Throws {@link DigestMismatch} and forgets the session. */
  finishUpload(id: string, digest: Digest): Promise<number>;
  cancelUpload(id: string): Promise<void>;
  /** Every blob whose bytes are there; those that come or go meanwhile may be missing. */
  list(): AsyncIterable<Digest>;
  /** Removes a blob's bytes and returns their count, 0 where there were none. Only for what nobody can claim meanwhile. */
  remove(digest: Digest): Promise<number>;
  /** A blob's bytes by number; undefined where there are none. */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** Forgets sessions that nothing was written to since `before` (milliseconds since 1970); returns how many. */
  expireUploads(before: number): Promise<number>;
}
