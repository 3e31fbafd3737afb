import type { DatabaseSync } from 'node:sqlite';
import { EngineError } from '../../std/index.ts';

/** Version of the tables below: an older program refuses, a newer one upgrades. */
const VERSION = 2;

const TABLES = `
-- A manifest's bytes, once for all repositories.
CREATE TABLE manifest (
  digest        TEXT NOT NULL PRIMARY KEY,
  content       BLOB NOT NULL
);
-- What a repository holds. Content is readable through these links alone.
CREATE TABLE held_manifest (
  repository    TEXT NOT NULL,
  digest        TEXT NOT NULL,
  media_type    TEXT NOT NULL,
  size          INTEGER NOT NULL,
  subject       TEXT,
  artifact_type TEXT,
  annotations   TEXT,
  pushed        INTEGER NOT NULL,
  pulled        INTEGER,
  PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX held_manifest_digest ON held_manifest (digest);
CREATE INDEX held_manifest_subject ON held_manifest (repository, subject, digest) WHERE subject IS NOT NULL;
CREATE TABLE held_blob (
  repository    TEXT NOT NULL,
  digest        TEXT NOT NULL,
  size          INTEGER NOT NULL,
  pushed        INTEGER NOT NULL,
  PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX held_blob_digest ON held_blob (digest);
-- folded: the tag in lower case, for the specification's order.
CREATE TABLE tag (
  repository    TEXT NOT NULL,
  name          TEXT NOT NULL,
  folded        TEXT NOT NULL,
  digest        TEXT NOT NULL,
  moved         INTEGER NOT NULL,
  PRIMARY KEY (repository, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX tag_order ON tag (repository, folded, name);
CREATE INDEX tag_digest ON tag (repository, digest);
-- What a manifest names: where collection walks.
CREATE TABLE requirement (
  manifest      TEXT NOT NULL,
  digest        TEXT NOT NULL,
  kind          TEXT NOT NULL,
  PRIMARY KEY (manifest, digest)
) WITHOUT ROWID;
CREATE INDEX requirement_digest ON requirement (digest);
`;

/** From each version to the next. */
const UPGRADES: Readonly<Record<number, string>> = {
  1: `
    ALTER TABLE held_manifest ADD COLUMN pulled INTEGER;
    CREATE INDEX held_manifest_digest ON held_manifest (digest);
    CREATE INDEX requirement_digest ON requirement (digest);
  `,
};

/** Makes the tables in an empty database, or brings those there to this version. Throws NotImplemented for a newer one. */
export function prepareSchema(database: DatabaseSync): void {
  const { user_version: found } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (found === VERSION) return;
  if (found > VERSION || found < 0) {
    throw new EngineError(
      'NotImplemented',
      `the registry's names are of format ${found}, this program knows ${VERSION}; use a newer one`,
    );
  }
  const steps =
    found === 0 ? TABLES : Array.from({ length: VERSION - found }, (_, step) => UPGRADES[found + step]).join('');
  database.exec(`BEGIN; ${steps} PRAGMA user_version = ${VERSION}; COMMIT`);
}
