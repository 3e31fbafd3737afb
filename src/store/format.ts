import { readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkLayoutFile, encodeDocument, LAYOUT_FILE } from '../oci/index.ts';
import { EngineError, isErrno, syncFolder, writeFileAtomic } from '../std/index.ts';
import { lockState } from './state.ts';

/** Brings a state folder from the version before to `version`. It may be cut off and begun again. */
export interface Upgrade {
  readonly version: number;
  run(root: string): Promise<void>;
}

/** Version 1 is the first. A change of the layout adds the step that leads to it, and nothing here is ever removed. */
const UPGRADES: readonly Upgrade[] = [];
const FIRST_VERSION = 1;

const PRIVATE = ['blobs', 'blobs/sha256', 'ingests', 'layers', 'leases', 'locks', 'trash'];

/** Sees to it that `root` is a state folder of this program's version: makes what is missing, upgrades what is older. */
export async function prepareState(root: string, upgrades: readonly Upgrade[] = UPGRADES): Promise<void> {
  const current = upgrades.at(-1)?.version ?? FIRST_VERSION;
  if (readVersion(root, current) === current) return;

  await makeFolders(root);
  using _lock = await lockState(root, 'format');
  const version = readVersion(root, current); // another process may have been here first
  if (version === current) return;
  if (version === undefined) await makeLayout(root);
  for (const upgrade of upgrades) {
    if (version === undefined || upgrade.version <= version) continue;
    await upgrade.run(root);
    await writeVersion(root, upgrade.version);
  }
  if (version === undefined) await writeVersion(root, current); // last: it says that the rest is there
}

/** The version of the state in `root`, undefined where there is none yet. Conflict where it is newer than `current`. */
function readVersion(root: string, current: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(join(root, 'format'), 'utf8'); // every command passes here, and fs.promises takes a millisecond to load
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const version = parseVersion(text);
  if (version === undefined) {
    throw new EngineError('DataLoss', `${join(root, 'format')} is damaged: expected {"version":${current}}`);
  }
  if (version > current) {
    throw new EngineError(
      'Conflict',
      `the state in ${root} has format ${version}, written by a newer strata; this one knows format ${current} at most: upgrade it, or name another folder with --root`,
    );
  }
  return version;
}

function parseVersion(text: string): number | undefined {
  try {
    const { version } = JSON.parse(text);
    return Number.isSafeInteger(version) && version >= FIRST_VERSION ? version : undefined;
  } catch {
    return undefined;
  }
}

function writeVersion(root: string, version: number): Promise<void> {
  return writeFileAtomic(join(root, 'format'), `${JSON.stringify({ version })}\n`);
}

async function makeFolders(root: string): Promise<void> {
  // Containers of other users reach their root file systems through it, and can list nothing in it.
  if (await makeFolder(root, 0o711)) await chmod(root, 0o711);
  for (const folder of PRIVATE) await makeFolder(join(root, folder), 0o700);
}

/**
 * With its parents, one by one; whether it was missing. Node's recursive mkdir says ENOENT of a read-only file system, and below /proc it never
 * ends (Node 24).
 */
async function makeFolder(path: string, mode: number): Promise<boolean> {
  try {
    return await makeLast(path, mode);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  await makeFolder(dirname(path), 0o755);
  return makeLast(path, mode);
}

/** Whether it was missing: somebody else may have made it meanwhile. */
async function makeLast(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST') && (await stat(path)).isDirectory()) return false;
    throw error;
  }
}

/** An OCI layout that is there already is taken over as it is. */
async function makeLayout(root: string): Promise<void> {
  const layout = join(root, 'oci-layout');
  if (await exists(layout)) checkLayoutFile(await readFile(layout));
  else await writeFileAtomic(layout, LAYOUT_FILE);
  const index = join(root, 'index.json');
  if (!(await exists(index))) await writeFileAtomic(index, encodeDocument({ schemaVersion: 2, manifests: [] }));
  for (const folder of [root, join(root, 'blobs')]) await syncFolder(folder);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
