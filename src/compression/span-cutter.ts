import { createHash, type Hash } from 'node:crypto';
import type { Span } from './span.ts';

/** Members and frames that begin after so small a part of a full span begin a new one: they need no window. */
export const MEMBER_SHARE = 4;

/** Cuts what passes into spans. */
export class SpanCutter {
  readonly found: Span[] = [];
  #begun: Pick<Span, 'offset' | 'from' | 'bits' | 'window'> | undefined;
  #hash: Hash = createHash('sha256');
  #total = 0;

  /** Of the span that is under way. */
  get length(): number {
    return this.#total - (this.#begun?.offset ?? 0);
  }

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#total += bytes.length;
  }

  /** A span begins at that bit of the stream; the one before ends in that byte. */
  begin(position: number, window?: Uint8Array): void {
    this.end(Math.ceil(position / 8));
    const [from, bits] = [Math.floor(position / 8), position % 8];
    this.#begun = { offset: this.#total, from, bits, ...(window && { window }) };
    this.#hash = createHash('sha256');
  }

  end(to: number): void {
    if (this.#begun && this.length > 0)
      this.found.push({ ...this.#begun, length: this.length, to, sha256: this.#hash.digest('hex') });
    this.#begun = undefined;
  }
}
