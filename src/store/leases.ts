import { constants } from 'node:fs';
import { appendFile, type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tryFlock } from '../linux/index.ts';
import { type Digest, isDigest, parseDigest } from '../oci/index.ts';
import { isErrno, randomHex } from '../std/index.ts';
import { touchFile } from './blob-file.ts';
import { onDisk } from './disk-error.ts';
import { ASIDE, blobPath, lockState, namesIn } from './state.ts';

/** While it lives, nothing is collected that was written or touched since it began. It ends when disposed, or with its process. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** Spares these, too, and all that they name, however long ago they were touched. NotFound is no matter: gives back what is there. */
  add(...digests: Digest[]): Promise<Digest[]>;
}

/** What the live leases spare. */
export interface LiveLeases {
  /** Milliseconds; by the file system's clock, which lags behind the program's. Infinity where there is none. */
  readonly since: number;
  readonly named: ReadonlySet<Digest>;
}

/** Beside a lease `<id>`: the digests that it names, one a line. Apart, as the lease file's own time says when it began. */
const NAMED = '.digests';

export async function beginLease(root: string): Promise<Lease> {
  const id = randomHex(16);
  const path = join(root, 'leases', id);
  const file = await onDisk('beginning a lease', () => makeLease(root, path));
  return {
    id,
    async add(...digests) {
      if (digests.length === 0) return [];
      await appendFile(`${path}${NAMED}`, digests.map((digest) => `${parseDigest(digest)}\n`).join(''), {
        mode: 0o600,
      });
      using _lock = await lockState(root, 'content', { mode: 'shared' });
      const there: Digest[] = [];
      for (const digest of digests) if (await touchFile(blobPath(root, digest))) there.push(digest);
      return there;
    },
    async [Symbol.asyncDispose]() {
      await removeLease(path);
      await file.close();
    },
  };
}

/** Looks at all leases, and removes those whose holders are dead. */
export async function liveLeases(root: string): Promise<LiveLeases> {
  let since = Number.POSITIVE_INFINITY;
  const named = new Set<Digest>();
  for await (const name of namesIn(join(root, 'leases'))) {
    if (name.includes('.')) continue; // lists of digests, and leases that are being made
    const path = join(root, 'leases', name);
    if (await freeIfDead(path)) continue;
    try {
      since = Math.min(since, Math.floor((await stat(path)).mtimeMs));
    } catch (error) {
      if (isErrno(error, 'ENOENT')) continue; // just ended
      throw error;
    }
    for (const digest of await readNamed(path)) named.add(digest);
  }
  return { since, named };
}

/** Made aside, locked, then renamed: nobody ever sees a live lease without its lock. */
async function makeLease(root: string, path: string): Promise<FileHandle> {
  const aside = join(root, 'leases', `${ASIDE}${path.slice(-12)}`);
  const file = await open(aside, 'wx', 0o600);
  try {
    if (!tryFlock(file.fd, 'exclusive')) throw new Error(`a new file is locked: ${aside}`);
    await file.writeFile(`${process.pid}\n`);
    // A collector looks for leases and removes snapshots in one turn of the exclusive lock.
    using _lock = await lockState(root, 'content', { mode: 'shared' });
    await rename(aside, path);
    return file;
  } catch (error) {
    await file.close();
    await rm(aside, { force: true });
    throw error;
  }
}

/** Removes a lease that nobody holds. Shared locks: two who ask at once must not take each other for its holder. */
async function freeIfDead(path: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    throw error;
  }
  try {
    if (!tryFlock(file.fd, 'shared')) return false;
    await removeLease(path);
    return true;
  } finally {
    await file.close();
  }
}

async function removeLease(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(`${path}${NAMED}`, { force: true });
}

async function readNamed(path: string): Promise<Digest[]> {
  try {
    return (await readFile(`${path}${NAMED}`, 'utf8')).split('\n').filter(isDigest);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
