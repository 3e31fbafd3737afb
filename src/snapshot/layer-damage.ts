import { createReadStream, rmSync, statSync } from 'node:fs';
import { algorithmOf, createDigester, type Digest } from '../oci/index.ts';
import { errorMessage, isErrno } from '../std/index.ts';
import { listFolders } from './check.ts';
import { filesOf, forgetRecord, layerFolder, lockOfLayer, readRecord } from './drivers/erofs-layer.ts';
import { getSnapshot, listNames, type SnapshotFolder } from './folder.ts';
import { readImageNote } from './layer-mount.ts';
import { waitTurn } from './turn.ts';

/** A layer whose tar is not what its diffID says. */
export interface DamagedLayer {
  readonly diffID: Digest;
  readonly message: string;
  /** The snapshots whose files lie in that tar. */
  readonly names: readonly Digest[];
}

/** Reads the tar of each of these layers whose files were not extracted. What is made again meanwhile is not damaged. */
export async function* findDamagedLayers(
  root: string,
  diffIDs: Iterable<Digest> | AsyncIterable<Digest>,
  signal?: AbortSignal,
): AsyncGenerator<DamagedLayer, void> {
  const folder = folderOf(root);
  if (!folder) return;
  for await (const diffID of diffIDs) {
    const made = tarOf(root, diffID);
    const wrong = made && (await wrongIn(made.path, diffID, signal));
    if (!wrong || tarOf(root, diffID)?.made !== made.made) continue;
    yield { diffID, message: `${made.path} is damaged: ${wrong}`, names: namesOn(folder, diffID) };
  }
}

/**
 * Takes a damaged tar away, and with it the image that points into it: the snapshots on it have no content from now on, as `checkSnapshots` says.
 * Containers that run keep what they have.
 */
export async function removeDamagedLayer(root: string, diffID: Digest, signal?: AbortSignal): Promise<void> {
  const folder = folderOf(root);
  if (!folder) return;
  using _ = await waitTurn(lockOfLayer(folder, diffID), signal);
  const made = tarOf(root, diffID);
  if (!made || !(await wrongIn(made.path, diffID, signal))) return; // gone, or made again since
  forgetRecord(layerFolder(root, diffID));
  rmSync(made.path, { force: true });
}

/** The one driver that keeps tars. */
function folderOf(root: string): SnapshotFolder | undefined {
  return listFolders(root).find(({ driver }) => driver === 'erofs');
}

/** With something that changes when the layer is made again. */
function tarOf(root: string, diffID: Digest): { path: string; made: string } | undefined {
  const own = layerFolder(root, diffID);
  const path = filesOf(own).tar;
  const file = statSync(path, { throwIfNoEntry: false });
  return file && readRecord(own) ? { path, made: `${file.ino} ${file.mtimeMs}` } : undefined;
}

function namesOn(folder: SnapshotFolder, diffID: Digest): Digest[] {
  return (listNames(folder) as Digest[]).filter((name) => {
    const snapshot = getSnapshot(folder, name);
    return snapshot?.record.diffID === diffID && readImageNote(snapshot.path) !== undefined;
  });
}

/** What is wrong with the content; undefined for a file that is sound or gone. */
async function wrongIn(path: string, diffID: Digest, signal?: AbortSignal): Promise<string | undefined> {
  const digester = createDigester(algorithmOf(diffID));
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal && { signal }) })) {
      digester.update(chunk as Uint8Array);
    }
  } catch (error) {
    signal?.throwIfAborted();
    return isErrno(error, 'ENOENT') ? undefined : `it can't be read: ${errorMessage(error)}`;
  }
  const actual = digester.digest();
  return actual === diffID ? undefined : `its content is ${actual}`;
}
