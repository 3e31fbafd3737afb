import type { Descriptor, Digest } from '../../oci/index.ts';

/** A manifest or index as a repository holds it. */
export interface ManifestRecord {
  readonly digest: Digest;
  /** As its pusher sent it, and as it is served. */
  readonly mediaType: string;
  readonly size: number;
}

/** What a manifest names, to be there before it is taken. */
export interface RequiredContent {
  /** `child`: a manifest, or (as build caches have them) a blob. */
  readonly kind: 'blob' | 'child';
  readonly digest: Digest;
  readonly size: number;
  /** May be absent: layers that are fetched elsewhere, children of a sparse index. */
  readonly optional?: boolean;
}

/** A manifest on its way in. */
export interface NewManifest extends ManifestRecord {
  readonly content: Uint8Array;
  readonly requires: readonly RequiredContent[];
  /** What it refers to; that may come later or never. */
  readonly subject?: Digest;
  /** Its own, or its config's media type: what referrers are filtered by. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A part of a list: what follows `last`, at most `limit`. */
export interface Page {
  readonly last?: string;
  readonly limit: number;
}

/**
 * Which repository holds what, and what its tags name. Every change is one transaction, durable when its promise resolves. Nothing here
 * answers for content that the repository does not hold, though another may.
 */
export interface NameStorage extends AsyncDisposable {
  findBlob(repository: string, digest: Digest): Promise<{ readonly size: number } | undefined>;
  linkBlob(repository: string, digest: Digest, size: number): Promise<void>;
  /** Takes a blob from a repository; false where it had none. The bytes wait for collection. */
  unlinkBlob(repository: string, digest: Digest): Promise<boolean>;

  /** By tag or digest. */
  findManifest(repository: string, reference: string): Promise<ManifestRecord | undefined>;
  /** The exact bytes that were pushed. Only for digests that {@link findManifest} gave. */
  readManifest(digest: Digest): Promise<Buffer | undefined>;
  /** Holds a manifest and moves `tag` to it, unless something that it requires is missing or of another size: that is returned, and nothing is done. */
  putManifest(repository: string, manifest: NewManifest, tag?: string): Promise<readonly RequiredContent[]>;
  /** With all tags that name it; false where there is none. */
  removeManifest(repository: string, digest: Digest): Promise<boolean>;
  removeTag(repository: string, tag: string): Promise<boolean>;

  /** Case-insensitively in order; undefined where the repository does not exist. */
  listTags(repository: string, page: Page): Promise<readonly string[] | undefined>;
  /** Repositories that hold a manifest. */
  listRepositories(page: Page): Promise<readonly string[]>;
  /** Descriptors of what refers to `subject`, by digest; `last` is a digest. */
  listReferrers(
    repository: string,
    subject: Digest,
    page: Page & { readonly artifactType?: string },
  ): Promise<readonly Descriptor[]>;
}
