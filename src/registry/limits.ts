import { MAX_MANIFEST_BYTES } from '../oci/index.ts';

/** What one client, or all together, may take of the server. */
export interface Limits {
  /** Of a manifest's body. */
  readonly manifestBytes: number;
  /** Of one blob. */
  readonly blobBytes: number;
  /** Requests that write blobs at the same moment; more get 429. */
  readonly uploads: number;
  /** Of a list, whatever `n` asks for. */
  readonly pageSize: number;
  /** Request line and headers together. */
  readonly headerBytes: number;
  /** Milliseconds for the headers to arrive. */
  readonly headerTime: number;
  /** Milliseconds that a connection may be silent within a request. */
  readonly idleTime: number;
  /** Bytes a second, averaged over ten, below which an upload is given up; the client resumes it. */
  readonly slowestUpload: number;
  readonly connections: number;
  /** Milliseconds that an upload session lives after its last byte. */
  readonly uploadLife: number;
  /** Milliseconds that running requests get at the end. */
  readonly stopTime: number;
  /** Milliseconds at the end that requests are still taken in while `/ready` says no: for balancers to look elsewhere. */
  readonly drainTime: number;
}

export const defaultLimits: Limits = {
  manifestBytes: MAX_MANIFEST_BYTES,
  blobBytes: Number.MAX_SAFE_INTEGER,
  uploads: 64,
  pageSize: 1000,
  headerBytes: 16 * 1024,
  headerTime: 20_000,
  idleTime: 60_000,
  slowestUpload: 64,
  connections: 4096,
  uploadLife: 24 * 3600 * 1000,
  stopTime: 30_000,
  drainTime: 0,
};
