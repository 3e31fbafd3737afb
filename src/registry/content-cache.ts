import type { Digest } from '../oci/index.ts';

const LARGEST_SHARE = 16;

/**
 * Small content in memory by digest, the least recently used leaving first. What a digest names never changes, so nothing here can be stale;
 * whether a caller may see it is asked before, elsewhere.
 */
export class ContentCache {
  readonly #limit: number;
  readonly #entries = new Map<Digest, Buffer>(); // in order of last use
  #size = 0;

  /** `limit`: bytes in all. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get(digest: Digest): Buffer | undefined {
    const found = this.#entries.get(digest);
    if (found) {
      this.#entries.delete(digest);
      this.#entries.set(digest, found);
    }
    return found;
  }

  /** Keeps `content` unless it would displace too much else. */
  set(digest: Digest, content: Buffer): void {
    if (content.length > this.#limit / LARGEST_SHARE || this.#entries.has(digest)) return;
    this.#entries.set(digest, content);
    this.#size += content.length;
    for (const [oldest, bytes] of this.#entries) {
      if (this.#size <= this.#limit) break;
      this.#entries.delete(oldest);
      this.#size -= bytes.length;
    }
  }
}
