import { closeSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { tryFlock } from '../linux/index.ts';
import type { Digest } from '../oci/index.ts';
import { EngineError, isErrno, randomHex } from '../std/index.ts';
import { getSnapshot, placeOf, type SnapshotFolder } from './folder.ts';
import { discard } from './trash.ts';

/** Leads the name of what is being made. */
export const STAGED = '.new-';
const HOLDER = 'holder';
/** After this long (milliseconds) a staging folder that nobody holds is a dead process's: `prepare` needs a hundredth. */
const ABANDONED = 60_000;

/** A snapshot in the making. Disposing drops it, unless it was published. */
export interface Staging extends AsyncDisposable {
  readonly path: string;
  /** Gives it its name, at once and whole. AlreadyExists for a taken name; NotFound where the parent went meanwhile. */
  publish(name: Digest | string, parent?: Digest): void;
}

/** A staging folder for what is quickly made: no lock tells that its maker lives, only its age. */
export function stage(folder: SnapshotFolder): Staging {
  const path = join(folder.path, `${STAGED}${randomHex(8)}`);
  mkdirSync(path, { mode: 0o700 });
  let published = false;
  return {
    path,
    publish(name, parent) {
      publish(folder, path, name, parent);
      published = true;
    },
    async [Symbol.asyncDispose]() {
      if (!published) discard(folder.root, path);
    },
  };
}

/** A staging folder for long work, with a lock that the kernel frees when this process dies, so that others know what is waste. */
export function stageHeld(folder: SnapshotFolder): Staging {
  const staging = stage(folder);
  const holder = openSync(join(staging.path, `${HOLDER}.new`), 'wx', 0o600);
  tryFlock(holder, 'exclusive');
  // Named only once it is locked: a `holder` that can be locked is a dead one's, never one about to lock.
  renameSync(join(staging.path, `${HOLDER}.new`), join(staging.path, HOLDER));
  return {
    path: staging.path,
    publish(name, parent) {
      rmSync(join(staging.path, HOLDER));
      staging.publish(name, parent);
    },
    async [Symbol.asyncDispose]() {
      await staging[Symbol.asyncDispose]();
      closeSync(holder);
    },
  };
}

/** Whether the maker of the staging folder `path` is gone. */
export function isAbandoned(path: string): boolean {
  let holder: number;
  try {
    holder = openSync(join(path, HOLDER), 'r');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    const changed = statSync(path, { throwIfNoEntry: false })?.ctimeMs; // a rename renews it too
    return changed !== undefined && Date.now() - changed > ABANDONED;
  }
  try {
    return tryFlock(holder, 'exclusive');
  } finally {
    closeSync(holder);
  }
}

function publish(folder: SnapshotFolder, path: string, name: Digest | string, parent: Digest | undefined): void {
  const place = placeOf(folder, name);
  try {
    renameSync(path, place); // never onto a snapshot: those are folders with something in them
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    throw new EngineError('AlreadyExists', `snapshot ${name} exists already`, { cause: error });
  }
  // The remover hides a parent first and looks for children then; we show the child first and look for the parent then:
  // whatever the order, one of the two sees the other, so neither needs a lock.
  if (parent && !getSnapshot(folder, parent)) {
    renameSync(place, path);
    throw new EngineError('NotFound', `the parent ${parent} of snapshot ${name} was removed`);
  }
}
