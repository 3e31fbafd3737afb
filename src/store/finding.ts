import type { Digest } from '../oci/index.ts';
import type { ImageRecord } from './index-file.ts';

export type FindingKind =
  /** `index.json` or `oci-layout`. */
  | 'index'
  /** A blob that is not what its name says. */
  | 'blob'
  /** A blob that an image names and that is not there. */
  | 'missing'
  /** A manifest or config that can't be understood or contradicts what it names. */
  | 'manifest'
  /** A layer that is not what the image's config says. */
  | 'layer'
  | 'toc'
  | 'record'
  | 'snapshot'
  /** Waste of a crash, or a file that is nobody's. */
  | 'leftover';

export interface Finding {
  readonly kind: FindingKind;
  /** What is wrong, with which thing. */
  readonly what: string;
  /** Names of the images that are affected; a dangling one's digest. */
  readonly hits: readonly string[];
  /** What was done about it. */
  repair?: string;
}

/** A finding, and what its repair needs to know. */
export interface Damage extends Finding {
  /** The records that can't be used because of it. */
  readonly records: readonly ImageRecord[];
  /** The blob that is wrong or missing. */
  readonly blob?: Digest;
  /** Undoes it where no image is hit; says what it did. */
  readonly undo?: () => Promise<string>;
}

export function damageOf(
  kind: FindingKind,
  what: string,
  more: { records?: readonly ImageRecord[]; blob?: Digest; undo?: () => Promise<string> } = {},
): Damage {
  const records = more.records ?? [];
  return { kind, what, ...more, records, hits: [...new Set(records.map(nameOf))] };
}

export function nameOf({ name, descriptor }: ImageRecord): string {
  return name ?? descriptor.digest;
}
