import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readTocFile } from '../layer/index.ts';
import { checkLayoutFile, isDigest, LAYOUT_FILE, parseDescriptor } from '../oci/index.ts';
import { errorMessage, isErrno, writeFileAtomic } from '../std/index.ts';
import { type Damage, damageOf } from './finding.ts';
import { readIndexEntries } from './index-file.ts';
import { BY_BLOB } from './layer-records.ts';
import { digestOfFileName, namesIn } from './state.ts';
import type { Store } from './store.ts';
import { ASIDE_AGE, findLeftovers, removeLeftover } from './sweep-leftovers.ts';
import { trash } from './trash.ts';

/** Checks everything that is neither a blob nor a snapshot. */
export async function* checkState(store: Store): AsyncGenerator<Damage, void> {
  yield* checkLayout(store.root);
  yield* checkEntries(store);
  yield* checkLayers(store);
  yield* checkLeftovers(store.root);
}

async function* checkLayout(root: string): AsyncGenerator<Damage, void> {
  const path = join(root, 'oci-layout');
  try {
    checkLayoutFile(await readFile(path));
  } catch (error) {
    const undo = async (): Promise<string> => {
      await writeFileAtomic(path, LAYOUT_FILE);
      return 'written again';
    };
    yield damageOf('index', `oci-layout: ${errorMessage(error)}`, { undo });
  }
}

async function* checkEntries(store: Store): AsyncGenerator<Damage, void> {
  const { entries } = await readIndexEntries(store.root);
  for (const entry of entries) {
    try {
      parseDescriptor(entry);
    } catch (error) {
      const undo = async (): Promise<string> => {
        await store.images.update((records) => records.filter(({ descriptor }) => isWhole(descriptor)));
        return 'entry removed';
      };
      yield damageOf('index', `index.json: ${errorMessage(error)}`, { undo });
    }
  }
}

function isWhole(entry: unknown): boolean {
  try {
    parseDescriptor(entry);
    return true;
  } catch {
    return false;
  }
}

/** All of it is derived: what is wrong is removed and made again when it is needed. */
async function* checkLayers(store: Store): AsyncGenerator<Damage, void> {
  for await (const diffID of store.layers.list()) {
    const remove = async (path: string): Promise<string> => {
      await trash(store, path);
      return 'removed; it is made again when it is needed';
    };
    const toc = store.layers.tocPath(diffID);
    try {
      const found = await readTocFile(toc);
      if (found && found.diffID !== diffID) {
        yield damageOf('toc', `${toc} is that of ${found.diffID}`, { undo: () => remove(toc) });
      }
    } catch (error) {
      yield damageOf('toc', errorMessage(error), { undo: () => remove(toc) });
    }
    const compressed = join(store.layers.folder(diffID), 'compressed.json');
    const problem = await problemOf(compressed, (text) => {
      const pairs: unknown = JSON.parse(text);
      if (!Array.isArray(pairs)) throw new Error('expected a list');
      for (const pair of pairs) parseDescriptor(pair);
    });
    if (problem) yield damageOf('record', `${compressed}: ${problem}`, { undo: () => remove(compressed) });
  }
  yield* checkByBlob(store);
}

async function* checkByBlob(store: Store): AsyncGenerator<Damage, void> {
  const folder = join(store.root, 'layers', BY_BLOB);
  for await (const name of namesIn(folder)) {
    if (!digestOfFileName(name)) continue;
    const path = join(folder, name);
    const problem = await problemOf(path, (text) => {
      if (!isDigest(text.trim())) throw new Error('expected a digest');
    });
    const undo = async (): Promise<string> => {
      await trash(store, path);
      return 'removed';
    };
    if (problem) yield damageOf('record', `${path}: ${problem}`, { undo });
  }
}

async function* checkLeftovers(root: string): AsyncGenerator<Damage, void> {
  for await (const leftover of findLeftovers(root)) {
    const undo = async (): Promise<string> => {
      await removeLeftover(leftover);
      return 'removed';
    };
    yield damageOf('leftover', `${leftover.path} was left by a program that ended early`, { undo });
  }
  for (const algorithm of ['sha256', 'sha512']) {
    for await (const name of namesIn(join(root, 'blobs', algorithm))) {
      if (isDigest(`${algorithm}:${name}`)) continue;
      const path = join(root, 'blobs', algorithm, name);
      if (!(await isOlder(path, ASIDE_AGE))) continue; // another program's, being written
      const undo = async (): Promise<string> => {
        await rm(path, { recursive: true, force: true });
        return 'removed';
      };
      yield damageOf('leftover', `${path} is no blob`, { undo });
    }
  }
}

async function problemOf(path: string, check: (text: string) => void): Promise<string | undefined> {
  try {
    check(await readFile(path, 'utf8'));
    return undefined;
  } catch (error) {
    return isErrno(error, 'ENOENT') ? undefined : errorMessage(error);
  }
}

async function isOlder(path: string, age: number): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > age;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
