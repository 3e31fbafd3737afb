import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';
import { tryHoldFile } from './held-file.ts';
import { removeIngest, removeIngestFolder } from './ingest-folder.ts';
import { liveLeases } from './leases.ts';
import { ASIDE, namesIn } from './state.ts';
import { emptyTrash } from './trash.ts';

/** Files made aside live for milliseconds: an hour later their makers are gone. */
export const ASIDE_AGE: number = 3_600_000;
const INGEST_AGE = 24 * 3_600_000;

/** What a crash left: waste, named by its path. */
export interface Leftover {
  readonly path: string;
  readonly kind: 'ingest' | 'aside' | 'lease';
}

/** Removes what crashed programs left behind, whatever can't be anyone's any more. */
export async function sweepLeftovers(root: string, ingestAge: number = INGEST_AGE): Promise<void> {
  for await (const leftover of findLeftovers(root, ingestAge)) await removeLeftover(leftover);
  await liveLeases(root); // removes dead ones
  await emptyTrash(root);
}

/** Finds what {@link sweepLeftovers} would remove, but for the trash. */
export async function* findLeftovers(root: string, ingestAge: number = INGEST_AGE): AsyncGenerator<Leftover, void> {
  for await (const folder of foldersWithAsides(root)) {
    for await (const name of namesIn(join(root, folder))) {
      const path = join(root, folder, name);
      if (name.includes(ASIDE)) {
        if (isOver(await ageOf(path), ASIDE_AGE)) yield { path, kind: 'aside' };
      } else if (folder === 'ingests') {
        if (isOver(await ageOf(join(path, 'data'), path), ingestAge)) yield { path, kind: 'ingest' };
      } else if (folder === 'leases' && name.includes('.')) {
        const lease = join(root, folder, name.slice(0, name.indexOf('.')));
        if ((await ageOf(lease)) === undefined && isOver(await ageOf(path), ASIDE_AGE)) yield { path, kind: 'lease' };
      }
    }
  }
}

async function* foldersWithAsides(root: string): AsyncGenerator<string, void> {
  yield* ['', 'ingests', 'leases', 'blobs/sha256', 'blobs/sha512'];
  for await (const name of namesIn(join(root, 'layers'))) yield join('layers', name);
}

export async function removeLeftover({ path, kind }: Leftover): Promise<void> {
  if (kind !== 'ingest') return rm(path, { recursive: true, force: true });
  const data = await tryHoldFile(join(path, 'data'));
  if (!data) return removeIngestFolder(path); // being written, or empty
  try {
    await removeIngest(path);
  } finally {
    await data.close();
  }
}

/** Milliseconds since the first of `paths` that is there changed; undefined where none is, as its maker has just finished. */
async function ageOf(...paths: string[]): Promise<number | undefined> {
  for (const path of paths) {
    try {
      return Date.now() - (await stat(path)).mtimeMs;
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
  }
  return undefined;
}

function isOver(age: number | undefined, limit: number): boolean {
  return age !== undefined && age > limit;
}
