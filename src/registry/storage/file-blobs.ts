import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest, DigestMismatch, hexOf, isDigest } from '../../oci/index.ts';
import { EngineError, isErrno, syncFolder } from '../../std/index.ts';
import type { BlobStorage } from './blobs.ts';
import { receive } from './receive.ts';
import { send } from './send.ts';
import { uploadSessions } from './upload-sessions.ts';

/**
 * Blobs as files below `folder`: `blobs/<algorithm>/<two digits>/<hex>`, and what is being written in `uploads/`. `durable: false` leaves out
 * every fsync, for folders that nobody needs after this process.
 */
export async function fileBlobs(folder: string, { durable = true }: { durable?: boolean } = {}): Promise<BlobStorage> {
  await mkdir(join(folder, 'blobs'), { recursive: true, mode: 0o700 });
  const sessions = await uploadSessions(join(folder, 'uploads'), { durable });
  const known = new Set<string>();

  /** The folder that a blob's file lies in, there durably. */
  const folderOf = async (digest: Digest): Promise<string> => {
    const algorithm = join(folder, 'blobs', algorithmOf(digest));
    const path = join(algorithm, hexOf(digest).slice(0, 2));
    if (known.has(path)) return path;
    await mkdir(path, { recursive: true, mode: 0o700 });
    if (durable) for (const parent of [join(folder, 'blobs'), algorithm]) await syncFolder(parent);
    known.add(path);
    return path;
  };

  /** Makes a verified file a blob. One that is there already is replaced by its equal, whatever became of that since. */
  const place = async (path: string, digest: Digest): Promise<void> => {
    const target = await folderOf(digest);
    await rename(path, join(target, hexOf(digest)));
    if (durable) await syncFolder(target);
  };

  return {
    async send(digest, range, sink) {
      const file = await open(pathOf(folder, digest), 'r').catch((cause: unknown) => {
        throw isErrno(cause, 'ENOENT') ? new EngineError('DataLoss', `the bytes of ${digest} are gone`) : cause;
      });
      try {
        await send(file.fd, range, sink);
      } finally {
        await file.close();
      }
    },

    async sizeOf(digest) {
      return await sizeOf(pathOf(folder, digest));
    },

    async *list() {
      for (const algorithm of await namesIn(join(folder, 'blobs'))) {
        for (const start of await namesIn(join(folder, 'blobs', algorithm))) {
          for (const hex of await namesIn(join(folder, 'blobs', algorithm, start))) {
            const digest = `${algorithm}:${hex}`;
            if (isDigest(digest)) yield digest; // whatever else lies there is not ours
          }
        }
      }
    },

    async remove(digest) {
      const path = pathOf(folder, digest);
      const size = await sizeOf(path);
      await rm(path, { force: true });
      return size ?? 0;
    },

    async store(source, digest, limits) {
      const algorithm = algorithmOf(digest);
      const { path, file, hash } = await sessions.anonymous(algorithm);
      let placed = false;
      try {
        const signal = new AbortController().signal;
        const { end, complete } = await receive(source, file.fd, 0, { hash, limits, durable, signal });
        if (!complete) return undefined;
        const actual: Digest = `${algorithm}:${hash.digest('hex')}`;
        if (actual !== digest) throw new DigestMismatch('upload', digest, actual);
        if (durable) await file.datasync();
        await place(path, digest);
        placed = true;
        return end;
      } finally {
        await file.close();
        if (!placed) await rm(path, { force: true });
      }
    },

    startUpload: (repository, algorithm) => sessions.start(repository, algorithm),
    findUpload: (id) => sessions.find(id),
    append: (id, source, limits) => sessions.append(id, source, limits),
    finishUpload: (id, digest) => sessions.finish(id, digest, place),
    cancelUpload: (id) => sessions.cancel(id),
    expireUploads: (before) => sessions.expire(before),
    async [Symbol.asyncDispose]() {
      await sessions.stop();
    },
  };
}

function pathOf(folder: string, digest: Digest): string {
  const hex = hexOf(digest);
  return join(folder, 'blobs', algorithmOf(digest), hex.slice(0, 2), hex);
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
