import type { Digest } from '../../oci/index.ts';
import type { Collected, CollectedNames, CollectNames, TagRecord } from './names.ts';
import type { Statements } from './sqlite-statements.ts';

const MANIFESTS_AT_ONCE = 500;

/** Within one transaction: see NameStorage.collectRepository, without its `dryRun`. */
export function collectRepository(
  sql: Statements,
  repository: string,
  { before, untagged, expire }: CollectNames,
): CollectedNames {
  const tags = expire ? expire(readTags(sql, repository)) : [];
  for (const tag of tags) sql('DELETE FROM tag WHERE repository = ? AND name = ?').run(repository, tag);
  const manifests: Collected[] = untagged ? sql(DEAD_MANIFESTS).all({ repository, before }).map(collectedOf) : [];
  for (const { digest } of manifests)
    sql('DELETE FROM held_manifest WHERE repository = ? AND digest = ?').run(repository, digest);
  const blobs = sql(DEAD_BLOBS).all({ repository, before }).map(collectedOf);
  for (const { digest } of blobs)
    sql('DELETE FROM held_blob WHERE repository = ? AND digest = ?').run(repository, digest);
  return { tags, manifests, blobs };
}

/** Within one transaction: see NameStorage.collectManifests. */
export function collectManifests(sql: Statements): number {
  const gone = sql(UNHELD_MANIFESTS).all(MANIFESTS_AT_ONCE);
  for (const row of gone) {
    const digest = row['digest'] as Digest;
    sql('DELETE FROM requirement WHERE manifest = ?').run(digest);
    sql('DELETE FROM manifest WHERE digest = ?').run(digest);
  }
  return gone.length;
}

function readTags(sql: Statements, repository: string): TagRecord[] {
  return sql(TAGS)
    .all(repository)
    .map(({ name, digest, moved, pulled }) => ({
      name: name as string,
      digest: digest as Digest,
      moved: moved as number,
      ...(pulled !== null && { pulled: pulled as number }),
    }));
}

function collectedOf(row: Record<string, unknown>): Collected {
  return { digest: row['digest'] as Digest, size: row['size'] as number };
}

const TAGS = `
  SELECT tag.name, tag.digest, tag.moved, held.pulled
  FROM tag LEFT JOIN held_manifest held ON held.repository = tag.repository AND held.digest = tag.digest
  WHERE tag.repository = ? ORDER BY tag.folded, tag.name`;

// Alive is what a tag names, what is young or in use, what such an index lists, and what refers to any of these; to the end of the chain.
const DEAD_MANIFESTS = `
  WITH RECURSIVE live (digest) AS (
    SELECT digest FROM tag WHERE repository = $repository
    UNION
    SELECT digest FROM held_manifest
    WHERE repository = $repository AND (pushed >= $before OR pulled >= $before)
    UNION
    SELECT child.digest
    FROM live JOIN requirement child ON child.manifest = live.digest AND child.kind = 'child'
    UNION
    SELECT referrer.digest
    FROM live JOIN held_manifest referrer ON referrer.repository = $repository AND referrer.subject = live.digest
  )
  SELECT digest, size FROM held_manifest
  WHERE repository = $repository AND digest NOT IN (SELECT digest FROM live)`;

// An index may name a blob as its child, as build caches do.
const DEAD_BLOBS = `
  SELECT digest, size FROM held_blob blob
  WHERE repository = $repository AND pushed < $before AND NOT EXISTS (
    SELECT 1 FROM requirement JOIN held_manifest held
      ON held.repository = $repository AND held.digest = requirement.manifest
    WHERE requirement.digest = blob.digest
  )`;

const UNHELD_MANIFESTS = `
  SELECT digest FROM manifest
  WHERE NOT EXISTS (SELECT 1 FROM held_manifest held WHERE held.digest = manifest.digest) LIMIT ?`;
