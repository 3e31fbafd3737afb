import type { Descriptor, Digest } from '../oci/index.ts';
import type { ImageRecord } from './index-file.ts';

/** What `snapshot` knows about its own. */
export interface SnapshotCheck {
  /** Yields what is wrong, and with `repair` what was done about it: a committed snapshot that is removed is made again from its layer. */
  check(options: {
    readonly repair: boolean;
    readonly signal?: AbortSignal;
  }): AsyncIterable<{ readonly what: string; readonly name?: string; readonly repair?: string }>;
}

export interface FsckOptions {
  /** Restores what can be restored and removes what can't. */
  repair?: boolean;
  snapshots?: SnapshotCheck;
  /** Pulls the image again from its `source`, and gives what that means now; NotFound where it has it no longer. */
  pull?: (record: ImageRecord & { readonly source: string }) => Promise<Descriptor>;
  signal?: AbortSignal;
  report?: (event: {
    readonly kind: 'checked';
    readonly id: Digest;
    readonly current: number;
    readonly total: number;
  }) => void;
}
