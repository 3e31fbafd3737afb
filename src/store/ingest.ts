import type { Digest } from '../oci/index.ts';
import type { GrowingFile } from '../std/index.ts';

/** What is known of a blob before it is here. */
export interface ExpectedBlob {
  readonly digest?: Digest;
  readonly size?: number;
  /** Where it comes from, for people who look into `ingests/`. */
  readonly reference?: string;
}

/** What `ingest` finds when the blob is there already; it counts as touched. */
export interface ExistingBlob extends AsyncDisposable {
  readonly exists: true;
  readonly digest: Digest;
  readonly size: number;
  readonly file: GrowingFile;
}

/**
 * A blob on its way in. Disposed before `commit`, it stays for the next writer of the same digest to take up; without a known digest, or when it
 * was proven wrong, or when the disk is full, it is removed.
 */
export interface Ingest extends AsyncDisposable {
  /** Follows along, in any thread, and still reads after the commit. `restart` fails it and begins another. Nothing in it is verified before `commit`. */
  readonly file: GrowingFile;
  /** Bytes that are there already: ask the source for what follows. */
  readonly offset: number;
  /** Resolves when `chunk` may be used for something else. */
  write(chunk: Uint8Array): Promise<void>;
  /** Forgets what was written: the source can't resume. */
  restart(): Promise<void>;
  /** Verifies size and digest and makes the blob durable and visible. DataLoss (`DigestMismatch`) where it is not what was expected. */
  commit(): Promise<{ digest: Digest; size: number }>;
}
