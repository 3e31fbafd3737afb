/**
 * A stretch of a compressed stream that can be decompressed without what comes before it. The spans of a stream follow each other without gaps,
 * in what they decompress to.
 */
export interface Span {
  /** Where its content begins and how long that is, in bytes of the decompressed stream. */
  readonly offset: number;
  readonly length: number;
  /** The bytes of the compressed stream that are needed: from `from` to before `to`. */
  readonly from: number;
  readonly to: number;
  /** So many of the lowest bits of the byte at `from` belong to the span before. */
  readonly bits: number;
  /** Inside a DEFLATE stream: what of the content before it may be referred to, up to 32 KiB. Absent where a member or frame begins. */
  readonly window?: Uint8Array;
  /** SHA-256 of its content, in hexadecimal. */
  readonly sha256: string;
}
