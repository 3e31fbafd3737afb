import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { type Descriptor, type Digest, isDigest } from '../../oci/index.ts';
import { BlobClaims } from './blob-claims.ts';
import {
  type CollectedNames,
  type ManifestRecord,
  type NameStorage,
  type NewManifest,
  type PushRules,
  QuotaExceeded,
  type RequiredContent,
  TagImmutable,
} from './names.ts';
import { type PullTime, PullTimes } from './pull-times.ts';
import { prepareSchema } from './schema.ts';
import { collectManifests, collectRepository } from './sqlite-collect.ts';
import { type Statements, statements } from './sqlite-statements.ts';
import { writeQueue } from './write-queue.ts';

type Row = Record<string, SQLInputValue>;

/**
 * Names in one SQLite file (`:memory:` for none): write-ahead log, and every commit synced. Look-ups run on the calling thread, at some
 * microseconds each.
 */
export function sqliteNames(path: string): NameStorage {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000');
    prepareSchema(database);
  } catch (error) {
    database.close();
    throw error;
  }
  const sql = statements(database);
  const change = writeQueue(database);
  const claims = new BlobClaims();
  const writePulls = (taken: readonly PullTime[]): void => {
    for (const { time, repository, digest } of taken) sql(PULLED).run(time, repository, digest);
  };
  const pulls = new PullTimes((taken) => void change(() => writePulls(taken)).catch(() => {})); // lost, like those of a crash

  return {
    async findBlob(repository, digest) {
      return sql(BLOB).get(repository, digest) as { size: number } | undefined;
    },

    linkBlob(repository, digest, size, rules) {
      return change(() => holdBlob(sql, repository, { digest, size }, rules));
    },

    mountBlob(from, repository, digest, rules) {
      return change(() => {
        const held = sql(BLOB).get(from, digest);
        if (held) holdBlob(sql, repository, { digest, size: held['size'] as number }, rules);
        return held !== undefined;
      });
    },

    async touchBlob(repository, digest, before) {
      const row = sql('SELECT pushed FROM held_blob WHERE repository = ? AND digest = ?').get(repository, digest);
      if (!row || (row['pushed'] as number) >= before) return;
      await change(() => {
        sql('UPDATE held_blob SET pushed = ? WHERE repository = ? AND digest = ?').run(Date.now(), repository, digest);
      });
    },

    claimBlob: (digest) => claims.claim(digest),

    unlinkBlob(repository, digest) {
      return change(
        () => sql('DELETE FROM held_blob WHERE repository = ? AND digest = ?').run(repository, digest).changes > 0,
      );
    },

    async findManifest(repository, reference) {
      const row = isDigest(reference)
        ? sql(MANIFEST_BY_DIGEST).get(repository, reference)
        : sql(MANIFEST_BY_TAG).get(repository, reference);
      return row && recordOf(row as Row);
    },

    async readManifest(digest) {
      const row = sql('SELECT content FROM manifest WHERE digest = ?').get(digest);
      return row && Buffer.from(row['content'] as Uint8Array);
    },

    putManifest(repository, manifest, tag, rules) {
      return change(() => {
        const missing = manifest.requires.filter((item) => !item.optional && !isHeld(sql, repository, item));
        if (missing.length > 0) return missing;
        if (tag !== undefined) checkTag(sql, repository, { tag, digest: manifest.digest }, rules);
        if (!sql(MANIFEST_BY_DIGEST).get(repository, manifest.digest))
          checkQuota(sql, repository, manifest.size, rules);
        holdManifest(sql, repository, manifest, tag);
        return missing;
      });
    },

    removeManifest(repository, digest, rules) {
      return change(() => {
        for (const row of sql('SELECT name FROM tag WHERE repository = ? AND digest = ?').all(repository, digest)) {
          const tag = row['name'] as string;
          if (rules?.isImmutable?.(tag)) throw new TagImmutable(repository, tag);
        }
        sql('DELETE FROM tag WHERE repository = ? AND digest = ?').run(repository, digest);
        return sql('DELETE FROM held_manifest WHERE repository = ? AND digest = ?').run(repository, digest).changes > 0;
      });
    },

    removeTag(repository, tag) {
      return change(() => sql('DELETE FROM tag WHERE repository = ? AND name = ?').run(repository, tag).changes > 0);
    },

    recordPull: (repository, digest) => pulls.record(repository, digest),

    async listTags(repository, { last = '', limit }) {
      const rows = sql(TAGS).all(repository, last.toLowerCase(), last, limit);
      if (rows.length === 0 && !sql(REPOSITORY).get(repository, repository)) return undefined;
      return rows.map((row) => row['name'] as string);
    },

    async listRepositories({ last = '', limit }) {
      return sql(REPOSITORIES)
        .all(last, limit)
        .map((row) => row['repository'] as string);
    },

    async listReferrers(repository, subject, { last = '', limit, artifactType }) {
      const rows =
        artifactType === undefined
          ? sql(REFERRERS).all(repository, subject, last, limit)
          : sql(REFERRERS_OF_TYPE).all(repository, subject, last, artifactType, limit);
      return rows.map((row) => descriptorOf(row as Row));
    },

    async listHolders({ last = '', limit }) {
      return sql(HOLDERS)
        .all(last, last, limit)
        .map((row) => row['repository'] as string);
    },

    async usageOf(repository) {
      return usageOf(sql, repository);
    },

    async collectRepository(repository, options) {
      const planned = new Planned();
      try {
        return await change(() => {
          writePulls(pulls.take());
          const collected = collectRepository(sql, repository, options);
          if (!options.dryRun) return collected;
          planned.collected = collected;
          throw planned; // what a dry run did is taken back with its savepoint
        });
      } catch (error) {
        if (error === planned && planned.collected) return planned.collected;
        throw error;
      }
    },

    collectManifests: () => change(() => collectManifests(sql)),

    async countHolders(digest) {
      return sql('SELECT count(*) AS count FROM held_blob WHERE digest = ?').get(digest)?.['count'] as number;
    },

    async condemnBlobs(digests) {
      try {
        return await change(() => digests.filter((digest) => !sql(HELD).get(digest) && claims.condemn(digest)));
      } catch (error) {
        for (const digest of digests) claims.absolve(digest);
        throw error;
      }
    },

    async absolveBlobs(digests) {
      for (const digest of digests) claims.absolve(digest);
    },

    async [Symbol.asyncDispose]() {
      await change(() => writePulls(pulls.take())).catch(() => {}); // what waits is written first
      database.close();
    },
  };
}

const BLOB = 'SELECT size FROM held_blob WHERE repository = ? AND digest = ?';
const MANIFEST_BY_DIGEST = 'SELECT digest, media_type, size FROM held_manifest WHERE repository = ? AND digest = ?';
const MANIFEST_BY_TAG = `
  SELECT held.digest, held.media_type, held.size
  FROM tag JOIN held_manifest held ON held.repository = tag.repository AND held.digest = tag.digest
  WHERE tag.repository = ? AND tag.name = ?`;
const TAGS = 'SELECT name FROM tag WHERE repository = ? AND (folded, name) > (?, ?) ORDER BY folded, name LIMIT ?';
const REPOSITORY = `
  SELECT 1 FROM held_manifest WHERE repository = ?
  UNION ALL SELECT 1 FROM held_blob WHERE repository = ? LIMIT 1`;
// Skips from one repository to the next through the index, however many manifests each holds.
const REPOSITORIES = `
  WITH RECURSIVE next (repository) AS (
    SELECT min(repository) FROM held_manifest WHERE repository > ?
    UNION ALL
    SELECT (SELECT min(repository) FROM held_manifest WHERE repository > next.repository)
    FROM next WHERE repository IS NOT NULL
  )
  SELECT repository FROM next WHERE repository IS NOT NULL LIMIT ?`;
const HELD = 'SELECT 1 FROM held_blob WHERE digest = ? LIMIT 1';
const HOLDERS = `
  SELECT repository FROM (
    SELECT repository FROM held_manifest WHERE repository > ? UNION SELECT repository FROM held_blob WHERE repository > ?
  ) ORDER BY repository LIMIT ?`;
const USAGE = `
  SELECT (SELECT coalesce(sum(size), 0) FROM held_manifest WHERE repository = ?)
       + (SELECT coalesce(sum(size), 0) FROM held_blob WHERE repository = ?) AS size`;
const PULLED = 'UPDATE held_manifest SET pulled = ? WHERE repository = ? AND digest = ?';
const HOLD_MANIFEST = `
  INSERT INTO held_manifest (repository, digest, media_type, size, subject, artifact_type, annotations, pushed)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (repository, digest) DO UPDATE SET
    media_type = excluded.media_type, subject = excluded.subject, artifact_type = excluded.artifact_type,
    annotations = excluded.annotations, pushed = excluded.pushed`;
const REFERRER = 'SELECT digest, media_type, size, artifact_type, annotations FROM held_manifest';
const REFERRERS = `${REFERRER} WHERE repository = ? AND subject = ? AND digest > ? ORDER BY digest LIMIT ?`;
const REFERRERS_OF_TYPE = `${REFERRER}
  WHERE repository = ? AND subject = ? AND digest > ? AND artifact_type = ? ORDER BY digest LIMIT ?`;

/** Carries the outcome of a dry run out of its transaction. */
class Planned extends Error {
  collected: CollectedNames | undefined;
}

function holdBlob(
  sql: Statements,
  repository: string,
  { digest, size }: { digest: Digest; size: number },
  rules: PushRules | undefined,
): void {
  if (!sql(BLOB).get(repository, digest)) checkQuota(sql, repository, size, rules);
  sql('INSERT OR REPLACE INTO held_blob VALUES (?, ?, ?, ?)').run(repository, digest, size, Date.now());
}

function checkQuota(sql: Statements, repository: string, size: number, rules: PushRules | undefined): void {
  const quota = rules?.quota;
  if (quota === undefined) return;
  const used = usageOf(sql, repository);
  if (used + size > quota) throw new QuotaExceeded(repository, { used, size, quota });
}

function usageOf(sql: Statements, repository: string): number {
  return sql(USAGE).get(repository, repository)?.['size'] as number;
}

/** An immutable tag may be pushed again as what it is. */
function checkTag(
  sql: Statements,
  repository: string,
  { tag, digest }: { tag: string; digest: Digest },
  rules: PushRules | undefined,
): void {
  if (!rules?.isImmutable?.(tag)) return;
  const held = sql(MANIFEST_BY_TAG).get(repository, tag);
  if (held && held['digest'] !== digest) throw new TagImmutable(repository, tag);
}

function isHeld(sql: Statements, repository: string, { kind, digest, size }: RequiredContent): boolean {
  const held =
    (kind === 'child' && sql(MANIFEST_BY_DIGEST).get(repository, digest)) || sql(BLOB).get(repository, digest);
  return held !== undefined && held['size'] === size;
}

function holdManifest(sql: Statements, repository: string, manifest: NewManifest, tag: string | undefined): void {
  const { digest, mediaType, size, content, requires, subject, artifactType, annotations } = manifest;
  const now = Date.now();
  if (sql('INSERT OR IGNORE INTO manifest VALUES (?, ?)').run(digest, content).changes > 0) {
    const insert = sql('INSERT OR IGNORE INTO requirement VALUES (?, ?, ?)');
    for (const item of requires) insert.run(digest, item.digest, item.kind);
  }
  sql(HOLD_MANIFEST).run(
    repository,
    digest,
    mediaType,
    size,
    subject ?? null,
    artifactType ?? null,
    annotations ? JSON.stringify(annotations) : null,
    now,
  );
  if (tag !== undefined) {
    sql('INSERT OR REPLACE INTO tag VALUES (?, ?, ?, ?, ?)').run(repository, tag, tag.toLowerCase(), digest, now);
  }
}

function recordOf(row: Row): ManifestRecord {
  return { digest: row['digest'] as Digest, mediaType: row['media_type'] as string, size: row['size'] as number };
}

function descriptorOf(row: Row): Descriptor {
  const annotations = row['annotations'];
  return {
    ...recordOf(row),
    ...(typeof row['artifact_type'] === 'string' && { artifactType: row['artifact_type'] }),
    ...(typeof annotations === 'string' && { annotations: JSON.parse(annotations) as Record<string, string> }),
  };
}
