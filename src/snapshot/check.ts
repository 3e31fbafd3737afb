import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Digest, isDigest } from '../oci/index.ts';
import { isErrno } from '../std/index.ts';
import { hasImageFiles } from './drivers/erofs-layer.ts';
import { DRIVERS } from './drivers.ts';
import { isSafe, isTaken, listNames, placeOf, type SnapshotFolder } from './folder.ts';
import { readRecord } from './record.ts';
import { LEAVING } from './removal.ts';
import { isAbandoned, STAGED } from './staging.ts';
import { graveyardsOf, trashOf } from './trash.ts';

/** Something wrong with the snapshots of a state folder. */
export interface SnapshotFinding {
  readonly kind:
    | 'no-record' // a folder whose record is missing or torn
    | 'no-content' // a record whose tree is missing
    | 'no-parent' // it stands on what is not there
    | 'unsafe' // committed, and the machine stopped before it reached the disk
    | 'stray' // staged or half removed by a process that died
    | 'trash'; // a deletion that did not end
  readonly driver: string;
  /** The snapshot's name, or that of the stray. */
  readonly name: string;
  readonly message: string;
}

/** What is wrong with the snapshots in the state folder `root`. Looks at names and records, not at content; beside others' work. */
export function checkSnapshots(root: string): SnapshotFinding[] {
  const findings = listFolders(root).flatMap(checkFolder);
  for (const name of [trashOf(root), ...graveyardsOf(root)].flatMap(namesIn)) {
    findings.push({ kind: 'trash', driver: '', name, message: `${name} waits in the trash to be deleted` });
  }
  return findings;
}

/** The folders of the drivers that were used in this state folder. */
export function listFolders(root: string): SnapshotFolder[] {
  const used = new Set(namesIn(join(root, 'snapshots')));
  return DRIVERS.filter(({ name }) => used.has(name)).map(({ name }) => ({
    root,
    driver: name,
    path: join(root, 'snapshots', name),
  }));
}

/** Folders of processes that died while they made or removed a snapshot. */
export function listStrays(folder: SnapshotFolder): string[] {
  return namesIn(folder.path).filter(
    (name) => (name.startsWith(STAGED) || name.startsWith(LEAVING)) && isAbandoned(join(folder.path, name)),
  );
}

function checkFolder(folder: SnapshotFolder): SnapshotFinding[] {
  const { driver } = folder;
  const findings: SnapshotFinding[] = listStrays(folder).map((name) => ({
    kind: 'stray',
    driver,
    name,
    message: `${name} was left by a process that died`,
  }));
  for (const name of listNames(folder)) {
    const finding = checkSnapshot(folder, name);
    if (finding && isTaken(folder, name)) findings.push({ driver, name, ...finding }); // else it went while we looked
  }
  return findings;
}

function checkSnapshot(folder: SnapshotFolder, name: string): Pick<SnapshotFinding, 'kind' | 'message'> | undefined {
  const record = readRecord(placeOf(folder, name));
  if (!record) return { kind: 'no-record', message: `snapshot ${name} has no record, or a torn one` };
  if (isDigest(name) && !isSafe(record)) {
    return { kind: 'unsafe', message: `snapshot ${name} had not reached the disk when the machine stopped` };
  }
  if (!record.view && !hasContent(folder, name))
    return { kind: 'no-content', message: `snapshot ${name} has no content` };
  const missing = record.chain.slice(0, 1).find((parent) => !isSound(folder, parent));
  if (missing) return { kind: 'no-parent', message: `snapshot ${name} stands on ${missing}, which is not there` };
  return undefined;
}

function isSound(folder: SnapshotFolder, name: Digest): boolean {
  const record = readRecord(placeOf(folder, name));
  return record !== undefined && isSafe(record);
}

function hasContent(folder: SnapshotFolder, name: string): boolean {
  const tree = lstatSync(join(placeOf(folder, name), 'fs'), { throwIfNoEntry: false });
  return tree?.isDirectory() === true && hasImageFiles(folder, placeOf(folder, name));
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
