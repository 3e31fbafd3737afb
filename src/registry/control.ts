import { createHash } from 'node:crypto';
import { chmod, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { join, resolve } from 'node:path';
import { EngineError, errorMessage, isErrno, readAll } from '../std/index.ts';
import { type CollectionOptions, type CollectionReport, collect } from './collect.ts';
import type { Collector } from './collector.ts';
import { defaultLimits } from './limits.ts';
import { type ContentRules, compileRules } from './rules.ts';
import { openRegistryStorage } from './storage/open.ts';

const BODY = 64 * 1024;
const LONGEST_SOCKET = 100; // sun_path holds 108 bytes, on some systems 104

/** What can be asked of a registry by whoever may write to its folder. */
type Wish = Pick<CollectionOptions, 'grace' | 'untagged' | 'dryRun'>;

/** Listens beside a registry's folder for its administrator; undefined where its file system has no sockets, or the path is too long for one. */
export async function serveControl(
  folder: string,
  collector: Collector,
): Promise<{ close(): Promise<void> } | undefined> {
  const path = socketOf(folder);
  if (path === undefined) return undefined;
  const server = createServer((asked, answer) => {
    const done = new AbortController();
    answer.once('close', () => done.abort());
    const send = (status: number, value: unknown): void => {
      answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    readAll(asked, { limit: BODY, what: 'request' })
      .then((body) => collector.collect({ ...(JSON.parse(body.toString()) as Wish), signal: done.signal }))
      .then(
        (report) => send(200, report),
        (error) => send(500, { message: errorMessage(error) }),
      );
  });
  if (process.platform !== 'win32') await rm(path, { force: true }); // left by a process that was killed: its lock is ours now
  try {
    await new Promise<void>((listening, fail) => server.once('error', fail).listen(path, listening));
    if (process.platform !== 'win32') await chmod(path, 0o600);
  } catch (error) {
    server.close();
    if (isErrno(error, 'EPERM', 'EACCES', 'EOPNOTSUPP', 'EINVAL', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
  server.unref();
  return {
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/**
 * Collects what nothing needs in a registry's folder: the registry that serves it does so by its own rules; where none runs, this process
 * does by those given. Throws NotFound where the folder holds no registry.
 */
export async function collectFolder(
  folder: string,
  {
    rules,
    signal,
    uploadLife = defaultLimits.uploadLife,
    ...wish
  }: CollectionOptions & { readonly rules?: ContentRules; readonly uploadLife?: number } = {},
): Promise<CollectionReport> {
  const root = resolve(folder);
  const answered = await ask(root, wish, signal);
  if (answered) return answered;
  await using storage = await openRegistryStorage(root, { create: false });
  return await collect(storage, { ...wish, rules: compileRules(rules), uploadLife, ...(signal && { signal }) });
}

/** Undefined where nobody listens. */
async function ask(folder: string, wish: Wish, signal: AbortSignal | undefined): Promise<CollectionReport | undefined> {
  const socketPath = socketOf(folder);
  if (socketPath === undefined) return undefined;
  return await new Promise((resolved, fail) => {
    const asking = request({ socketPath, method: 'POST', path: '/collect', ...(signal && { signal }) }, (answer) => {
      readAll(answer, { limit: 1 << 30, what: 'answer' }).then((body) => {
        const value = JSON.parse(body.toString()) as CollectionReport & { message?: string };
        if (answer.statusCode === 200) resolved(value);
        else fail(new EngineError('Internal', `the registry could not collect: ${value.message}`));
      }, fail);
    });
    asking.on('error', (error) => {
      if (isErrno(error, 'ENOENT', 'ECONNREFUSED')) resolved(undefined);
      else fail(signal?.aborted ? signal.reason : error);
    });
    asking.end(JSON.stringify(wish));
  });
}

function socketOf(folder: string): string | undefined {
  if (process.platform === 'win32') {
    return `\\\\.\\pipe\\overstrata-${createHash('sha256').update(folder.toLowerCase()).digest('hex').slice(0, 32)}`;
  }
  const path = join(folder, 'control');
  return Buffer.byteLength(path) > LONGEST_SOCKET ? undefined : path;
}
