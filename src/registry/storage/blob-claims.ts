import type { Digest } from '../../oci/index.ts';

/**
 * Blobs whose bytes somebody is placing, and blobs whose bytes collection is removing: never both. In memory, for a storage that one
 * process serves: whatever a crash interrupts, neither a claim nor a removal is running afterwards.
 */
export class BlobClaims {
  readonly #claims = new Map<Digest, number>();
  readonly #condemned = new Map<Digest, { readonly gone: Promise<void>; readonly release: () => void }>();

  /** Waits for a removal to end. */
  async claim(digest: Digest): Promise<Disposable> {
    for (let removal = this.#condemned.get(digest); removal; removal = this.#condemned.get(digest)) await removal.gone;
    this.#claims.set(digest, (this.#claims.get(digest) ?? 0) + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const rest = (this.#claims.get(digest) ?? 1) - 1;
        if (rest === 0) this.#claims.delete(digest);
        else this.#claims.set(digest, rest);
      },
    };
  }

  /** False where it is claimed. */
  condemn(digest: Digest): boolean {
    if (this.#claims.has(digest)) return false;
    if (!this.#condemned.has(digest)) {
      const { promise: gone, resolve: release } = Promise.withResolvers<void>();
      this.#condemned.set(digest, { gone, release });
    }
    return true;
  }

  absolve(digest: Digest): void {
    this.#condemned.get(digest)?.release();
    this.#condemned.delete(digest);
  }
}
