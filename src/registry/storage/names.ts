import type { Descriptor, Digest } from '../../oci/index.ts';
import { EngineError } from '../../std/index.ts';

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

/** A tag as retention looks at it; times are milliseconds since 1970. */
export interface TagRecord {
  readonly name: string;
  readonly digest: Digest;
  /** When it came to name this manifest. */
  readonly moved: number;
  /** When that manifest was last pulled through this repository, to the minute. */
  readonly pulled?: number;
}

/** What a push has to keep to. */
export interface PushRules {
  /** Bytes that the repository may hold. */
  readonly quota?: number | undefined;
  /** Whether a tag that is there stays where it is. */
  isImmutable?(tag: string): boolean;
}

/** A push that would take a repository beyond its quota. */
export class QuotaExceeded extends EngineError {
  readonly used: number;
  readonly quota: number;

  constructor(repository: string, { used, size, quota }: { used: number; size: number; quota: number }) {
    super(
      'ResourceExhausted',
      `${repository} holds ${used} of the ${quota} bytes that it may; ${size} more do not fit. Delete tags that nobody needs, or ask for more`,
    );
    this.used = used;
    this.quota = quota;
  }
}

/** A change of a tag that may not change. */
export class TagImmutable extends EngineError {
  constructor(repository: string, tag: string) {
    super('PermissionDenied', `tag ${tag} of ${repository} is immutable: it stays as it is; push under another tag`);
  }
}

/** How collection goes about one repository. */
export interface CollectNames {
  /** What was pushed or pulled since is spared: milliseconds since 1970. */
  readonly before: number;
  /** Whether manifests go that no tag leads to, by index or as a referrer. */
  readonly untagged: boolean;
  /** Tags to remove. */
  expire?(tags: readonly TagRecord[]): readonly string[];
  /** Tells what would go, and leaves all of it. */
  readonly dryRun: boolean;
}

/** Something that a repository held. */
export interface Collected {
  readonly digest: Digest;
  readonly size: number;
}

/** What went from one repository. */
export interface CollectedNames {
  readonly tags: readonly string[];
  readonly manifests: readonly Collected[];
  readonly blobs: readonly Collected[];
}

/**
 * Which repository holds what, and what its tags name. Every change is one transaction, durable when its promise resolves. Nothing here
 * answers for content that the repository does not hold, though another may.
 */
export interface NameStorage extends AsyncDisposable {
  findBlob(repository: string, digest: Digest): Promise<{ readonly size: number } | undefined>;
  /** Throws {@link QuotaExceeded}. */
  linkBlob(repository: string, digest: Digest, size: number, rules?: PushRules): Promise<void>;
  /** Links a blob that `from` holds, at that moment; false where it holds none. Throws {@link QuotaExceeded}. */
  mountBlob(from: string, repository: string, digest: Digest, rules?: PushRules): Promise<boolean>;
  /** Makes a blob that was linked before `before` count as linked now: its asker is about to push a manifest that names it. */
  touchBlob(repository: string, digest: Digest, before: number): Promise<void>;
  /**
   * Keeps collection from a blob's bytes while they are placed and linked; waits where it is just removing them. Bytes that nothing
   * holds and nobody claims may go at any moment.
   */
  claimBlob(digest: Digest): Promise<Disposable>;
  /** Takes a blob from a repository; false where it had none. The bytes wait for collection. */
  unlinkBlob(repository: string, digest: Digest): Promise<boolean>;

  /** By tag or digest. */
  findManifest(repository: string, reference: string): Promise<ManifestRecord | undefined>;
  /** The exact bytes that were pushed. Only for digests that {@link findManifest} gave. */
  readManifest(digest: Digest): Promise<Buffer | undefined>;
  /**
   * Holds a manifest and moves `tag` to it, unless something that it requires is missing or of another size: that is returned, and nothing
   * is done. Throws {@link QuotaExceeded} and {@link TagImmutable}.
   */
  putManifest(
    repository: string,
    manifest: NewManifest,
    tag?: string,
    rules?: PushRules,
  ): Promise<readonly RequiredContent[]>;
  /** With all tags that name it; false where there is none. Throws {@link TagImmutable}. */
  removeManifest(repository: string, digest: Digest, rules?: PushRules): Promise<boolean>;
  removeTag(repository: string, tag: string): Promise<boolean>;
  /** Remembers that a manifest was pulled: soon, and at the latest when the storage is closed. */
  recordPull(repository: string, digest: Digest): void;

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

  /** Every repository that holds anything, in order. */
  listHolders(page: Page): Promise<readonly string[]>;
  /** Bytes of what a repository holds; what it shares with others counts in each. */
  usageOf(repository: string): Promise<number>;
  /** Takes from one repository what its rules no longer keep, at one moment. */
  collectRepository(repository: string, options: CollectNames): Promise<CollectedNames>;
  /** Forgets manifests' bytes that no repository holds, some at a time; returns how many, 0 when all are gone. */
  collectManifests(): Promise<number>;
  /** How many repositories hold a blob. */
  countHolders(digest: Digest): Promise<number>;
  /** Of `digests`, those that nothing holds or claims: nobody can until {@link absolveBlobs}. */
  condemnBlobs(digests: readonly Digest[]): Promise<readonly Digest[]>;
  absolveBlobs(digests: readonly Digest[]): Promise<void>;
}
