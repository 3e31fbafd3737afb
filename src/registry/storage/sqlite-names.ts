import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type Descriptor, type Digest, isDigest } from '../../oci/index.ts';
import type { ManifestRecord, NameStorage, NewManifest, RequiredContent } from './names.ts';
import { prepareSchema } from './schema.ts';
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

  return {
    async findBlob(repository, digest) {
      return sql(BLOB).get(repository, digest) as { size: number } | undefined;
    },

    linkBlob(repository, digest, size) {
      return change(() => {
        sql('INSERT OR REPLACE INTO held_blob VALUES (?, ?, ?, ?)').run(repository, digest, size, Date.now());
      });
    },

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

    putManifest(repository, manifest, tag) {
      return change(() => {
        const missing = manifest.requires.filter((item) => !item.optional && !isHeld(sql, repository, item));
        if (missing.length === 0) holdManifest(sql, repository, manifest, tag);
        return missing;
      });
    },

    removeManifest(repository, digest) {
      return change(() => {
        sql('DELETE FROM tag WHERE repository = ? AND digest = ?').run(repository, digest);
        return sql('DELETE FROM held_manifest WHERE repository = ? AND digest = ?').run(repository, digest).changes > 0;
      });
    },

    removeTag(repository, tag) {
      return change(() => sql('DELETE FROM tag WHERE repository = ? AND name = ?').run(repository, tag).changes > 0);
    },

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

    async [Symbol.asyncDispose]() {
      await change(() => undefined).catch(() => {}); // what waits is written first
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
const REFERRER = 'SELECT digest, media_type, size, artifact_type, annotations FROM held_manifest';
const REFERRERS = `${REFERRER} WHERE repository = ? AND subject = ? AND digest > ? ORDER BY digest LIMIT ?`;
const REFERRERS_OF_TYPE = `${REFERRER}
  WHERE repository = ? AND subject = ? AND digest > ? AND artifact_type = ? ORDER BY digest LIMIT ?`;

type Statements = (text: string) => StatementSync;

/** Each statement is prepared once, when it is first used: that keeps the start short. */
function statements(database: DatabaseSync): Statements {
  const prepared = new Map<string, StatementSync>();
  return (text) => {
    let found = prepared.get(text);
    if (!found) {
      found = database.prepare(text);
      prepared.set(text, found);
    }
    return found;
  };
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
  sql('INSERT OR REPLACE INTO held_manifest VALUES (?, ?, ?, ?, ?, ?, ?, ?)').run(
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
