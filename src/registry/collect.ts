import type { Digest } from '../oci/index.ts';
import { expiredTags } from './retention.ts';
import { type CompiledRules, compileRules } from './rules.ts';
import type { RegistryStorage } from './storage/open.ts';

const REPOSITORIES_AT_ONCE = 200;
const BLOBS_AT_ONCE = 256;
const HOUR = 3600_000;

export interface CollectionOptions {
  /** Milliseconds that what was pushed or pulled is spared, so that pushes and pulls that run are; an hour. */
  readonly grace?: number;
  /** Whether manifests go that no tag leads to (as a child or referrer); always so where a retention rule removes tags. */
  readonly untagged?: boolean;
  /** Tells what would go, and leaves all of it. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** What went, or would go. */
export interface CollectionReport {
  readonly dryRun: boolean;
  /** `repository:tag`, by retention. */
  readonly tags: readonly string[];
  /** Manifests that left a repository. */
  readonly manifests: number;
  /** Blobs that left a repository. */
  readonly blobs: number;
  /** Bytes of blobs that came free. */
  readonly bytes: number;
  /** Uploads that nobody went on with. */
  readonly uploads: number;
}

/**
 * Removes what nothing needs while everything else goes on: tags that retention does not keep, manifests that no tag leads to, blobs that no
 * manifest of their repository names, bytes that no repository holds, uploads that died. Each repository is looked at and changed in
 * one transaction; bytes go only while nobody can claim them. What was pushed or pulled within `grace` is spared.
 */
export async function collect(
  { names, blobs }: RegistryStorage,
  {
    rules = compileRules(),
    uploadLife,
    grace = HOUR,
    untagged = false,
    dryRun = false,
    signal,
  }: CollectionOptions & { readonly rules?: CompiledRules; readonly uploadLife: number },
): Promise<CollectionReport> {
  const now = Date.now();
  const before = now - grace + 1; // no grace spares nothing, not even this millisecond's
  const tags: string[] = [];
  const unlinked = new Map<Digest, number>();
  const found = { manifests: 0, blobs: 0, bytes: 0 };

  for await (const repository of holders(names)) {
    signal?.throwIfAborted();
    const rule = rules.retentionOf(repository);
    const gone = await names.collectRepository(repository, {
      before,
      untagged: untagged || rule !== undefined,
      dryRun,
      ...(rule && { expire: (all) => expiredTags(all, rule, now) }),
    });
    tags.push(...gone.tags.map((tag) => `${repository}:${tag}`));
    found.manifests += gone.manifests.length;
    found.blobs += gone.blobs.length;
    if (dryRun) for (const { digest } of gone.blobs) unlinked.set(digest, (unlinked.get(digest) ?? 0) + 1);
  }

  if (dryRun) {
    for await (const digest of blobs.list()) {
      signal?.throwIfAborted();
      const isLast = (await names.countHolders(digest)) === (unlinked.get(digest) ?? 0);
      if (isLast) found.bytes += (await blobs.sizeOf(digest)) ?? 0;
    }
    return { dryRun, tags, ...found, uploads: 0 };
  }

  while ((await names.collectManifests()) > 0) signal?.throwIfAborted();
  let batch: Digest[] = [];
  for await (const digest of blobs.list()) {
    batch.push(digest);
    if (batch.length < BLOBS_AT_ONCE) continue;
    signal?.throwIfAborted();
    found.bytes += await removeUnheld({ names, blobs }, batch);
    batch = [];
  }
  found.bytes += await removeUnheld({ names, blobs }, batch);
  return { dryRun, tags, ...found, uploads: await blobs.expireUploads(now - uploadLife) };
}

/** Removes the bytes of those that nothing holds; returns how many bytes that were. */
async function removeUnheld(
  { names, blobs }: Pick<RegistryStorage, 'names' | 'blobs'>,
  digests: readonly Digest[],
): Promise<number> {
  if (digests.length === 0) return 0;
  const condemned = await names.condemnBlobs(digests);
  let bytes = 0;
  try {
    for (const digest of condemned) bytes += await blobs.remove(digest);
  } finally {
    await names.absolveBlobs(condemned);
  }
  return bytes;
}

async function* holders(names: RegistryStorage['names']): AsyncGenerator<string> {
  for (let last: string | undefined; ; ) {
    const page = await names.listHolders({ limit: REPOSITORIES_AT_ONCE, ...(last !== undefined && { last }) });
    yield* page;
    last = page.at(-1);
    if (page.length < REPOSITORIES_AT_ONCE) return;
  }
}
