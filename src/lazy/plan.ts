import type { Descriptor, Digest } from '../oci/index.ts';

/** One layer of an image that starts before it is here. Plain data. */
export interface LazyLayer {
  /** Where its index and what was fetched of it are kept: see `LayerCache`. */
  readonly folder: string;
  readonly layer: Descriptor;
  readonly diffID: Digest;
}

/** What the server of a lazy mount is told, in a file. Plain data. */
export interface LazyPlan {
  /** The image, for messages. */
  readonly name: string;
  readonly registry: string;
  readonly repository: string;
  /** The image's manifest. */
  readonly image: Digest;
  /** The lowest first. */
  readonly layers: readonly LazyLayer[];
  /** Where changes go; read-only without. */
  readonly upper?: { readonly path: string; readonly work: string };
}
