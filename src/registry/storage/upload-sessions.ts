import { createHash, type Hash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { algorithmOf, type Digest, type DigestAlgorithm, DigestMismatch } from '../../oci/index.ts';
import { EngineError, isErrno } from '../../std/index.ts';
import type { Appended, ReceiveLimits, Upload } from './blobs.ts';
import { receive } from './receive.ts';

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/; // as randomUUID makes them: only such becomes a path
const REHASH_BUFFER = 1 << 20;

/** What this process knows of a session beyond its files; all of it can be made again from them. */
interface Running {
  readonly repository: string;
  readonly algorithm: DigestAlgorithm;
  /** Of the file's first `hashed` bytes. */
  hash: Hash;
  hashed: number;
  writer?: { readonly abort: AbortController; readonly done: Promise<unknown> };
}

/** A folder of unfinished uploads. */
export interface UploadSessions {
  start(repository: string, algorithm?: DigestAlgorithm): Promise<Upload>;
  find(id: string): Promise<Upload | undefined>;
  append(
    id: string,
    source: Readable,
    limits: ReceiveLimits & { readonly expectedOffset?: number },
  ): Promise<Appended & { readonly misplaced?: boolean }>;
  /** `place` makes the finished file a blob. */
  finish(id: string, digest: Digest, place: (path: string, digest: Digest) => Promise<void>): Promise<number>;
  cancel(id: string): Promise<void>;
  expire(before: number): Promise<number>;
  /** An open file for one request that needs no session. */
  anonymous(algorithm: DigestAlgorithm): Promise<{ path: string; file: FileHandle; hash: Hash }>;
  /** Ends running writers and waits for them; the sessions stay. */
  stop(): Promise<void>;
}

/**
 * Upload sessions, each a file of bytes `<id>.data` and a record `<id>.json` in `folder`. The file's length is the session's offset, so that
 * nothing needs to be written beside the bytes and a session goes on after a crash. Node can't keep a hash's state: it is made again by
 * reading where this process did not see all bytes.
 */
export async function uploadSessions(folder: string, { durable }: { durable: boolean }): Promise<UploadSessions> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const running = new Map<string, Running>();
  const dataOf = (id: string): string => join(folder, `${id}.data`);
  const recordOf = (id: string): string => join(folder, `${id}.json`);

  const load = async (id: string): Promise<Running | undefined> => {
    const known = running.get(id);
    if (known || !ID.test(id)) return known;
    const record = await readFile(recordOf(id), 'utf8').then(parseRecord, (error: unknown) => {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (!record) return undefined;
    const session: Running = { ...record, hash: createHash(record.algorithm), hashed: 0 };
    return insert(running, id, session);
  };
  const require = async (id: string): Promise<Running> => {
    const session = await load(id);
    if (!session) throw new EngineError('NotFound', `no upload ${id}`);
    return session;
  };
  const forget = async (id: string): Promise<void> => {
    running.delete(id);
    await rm(recordOf(id), { force: true });
    await rm(dataOf(id), { force: true });
  };

  return {
    async start(repository, algorithm = 'sha256') {
      const id = randomUUID();
      await writeFile(dataOf(id), '', { mode: 0o600, flag: 'wx' });
      await writeFile(recordOf(id), JSON.stringify({ repository, algorithm }), { mode: 0o600, flag: 'wx' });
      running.set(id, { repository, algorithm, hash: createHash(algorithm), hashed: 0 });
      return { id, repository, offset: 0 };
    },

    async find(id) {
      const session = await load(id);
      const size = session && (await sizeOf(dataOf(id)));
      return session && size !== undefined ? { id, repository: session.repository, offset: size } : undefined;
    },

    async append(id, source, { expectedOffset, ...limits }) {
      const session = await require(id);
      return await exclusively(session, async (signal) => {
        await using file = await openData(dataOf(id), id);
        const { size } = await file.stat();
        if (expectedOffset !== undefined && expectedOffset !== size) {
          return { offset: size, complete: false, misplaced: true };
        }
        await catchUp(session, file, size);
        session.hashed = -1; // until all that was hashed is also written
        const { end, complete } = await receive(source, file.fd, size, { hash: session.hash, limits, durable, signal });
        session.hashed = end;
        return { offset: end, complete };
      });
    },

    async finish(id, digest, place) {
      const session = await require(id);
      return await exclusively(session, async () => {
        let size: number;
        {
          await using file = await openData(dataOf(id), id);
          ({ size } = await file.stat());
          const algorithm = algorithmOf(digest);
          const state =
            algorithm === session.algorithm ? session : { algorithm, hash: createHash(algorithm), hashed: 0 };
          await catchUp(state, file, size);
          const actual: Digest = `${algorithm}:${state.hash.digest('hex')}`;
          state.hashed = -1; // a hash gives its digest once
          if (actual !== digest) {
            await forget(id);
            throw new DigestMismatch('upload', digest, actual);
          }
          if (durable) await file.datasync();
        }
        await place(dataOf(id), digest);
        await forget(id);
        return size;
      });
    },

    async cancel(id) {
      const session = await require(id);
      await exclusively(session, () => forget(id));
    },

    async expire(before) {
      let count = 0;
      for (const name of await readdir(folder)) {
        const [id = ''] = name.split('.');
        if (running.get(id)?.writer) continue;
        const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
        if (!name.endsWith('.data')) {
          // A record whose bytes are gone was left by a crash.
          if (mtimeMs < before && (await sizeOf(dataOf(id))) === undefined)
            await rm(join(folder, name), { force: true });
        } else if (mtimeMs < before) {
          await forget(id);
          count += 1;
        }
      }
      return count;
    },

    async anonymous(algorithm) {
      const path = dataOf(randomUUID());
      return { path, file: await open(path, 'wx', 0o600), hash: createHash(algorithm) };
    },

    async stop() {
      const writers = [...running.values()].flatMap(({ writer }) => writer ?? []);
      for (const { abort } of writers) abort.abort();
      await Promise.allSettled(writers.map(({ done }) => done));
    },
  };
}

/** One writer a session: a newcomer ends the one before, waits until its bytes are written, and goes on behind them. */
async function exclusively<Result>(session: Running, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const before = session.writer;
  const abort = new AbortController();
  before?.abort.abort();
  const done = (before?.done ?? Promise.resolve()).catch(() => {}).then(() => work(abort.signal));
  const writer = { abort, done };
  session.writer = writer;
  try {
    return await done;
  } finally {
    if (session.writer === writer) delete session.writer;
  }
}

/** Brings a hash up to the first `size` bytes of the file. */
async function catchUp(
  state: { readonly algorithm: DigestAlgorithm; hash: Hash; hashed: number },
  file: FileHandle,
  size: number,
): Promise<void> {
  if (state.hashed === size) return;
  const hash = createHash(state.algorithm);
  const buffer = Buffer.allocUnsafe(Math.min(REHASH_BUFFER, size));
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - at), at);
    if (bytesRead === 0) throw new EngineError('DataLoss', `an upload's file ends at ${at}, expected ${size}`);
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  state.hash = hash;
  state.hashed = size;
}

async function openData(path: string, id: string): Promise<FileHandle> {
  return await open(path, 'r+').catch((error: unknown) => {
    throw isErrno(error, 'ENOENT') ? new EngineError('NotFound', `no upload ${id}`) : error;
  });
}

async function sizeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

/** A record that a crash cut off is no session. */
function parseRecord(text: string): { repository: string; algorithm: DigestAlgorithm } | undefined {
  try {
    const record = JSON.parse(text) as { repository?: unknown; algorithm?: unknown };
    const { repository, algorithm } = record;
    if (typeof repository !== 'string' || (algorithm !== 'sha256' && algorithm !== 'sha512')) return undefined;
    return { repository, algorithm };
  } catch {
    return undefined;
  }
}

function insert(running: Map<string, Running>, id: string, session: Running): Running {
  const known = running.get(id); // another request may have loaded it meanwhile
  if (known) return known;
  running.set(id, session);
  return session;
}
