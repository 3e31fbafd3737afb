import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { decompress } from '../compression/index.ts';
import { applyChanges, commitImage, type Image, unpackImage } from '../image/index.ts';
import { packTree } from '../layer/index.ts';
import { formatReference, type Platform, parseReference, withDefaultTag } from '../oci/index.ts';
import { type ByteStream, counted, EngineError, errorMessage, isErrno, type Job, startJob } from '../std/index.ts';
import { tarParser } from '../tar/index.ts';
import type { Engine } from './engine.ts';
import { imageEvent } from './image-event.ts';

export interface ImportOptions {
  /** Name of the image; dangling without. */
  readonly name?: string;
  /** Instructions such as `CMD ["sh"]`. */
  readonly changes?: readonly string[];
  readonly message?: string;
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

export interface ImportProgress {
  readonly kind: 'read';
  readonly bytes: number;
}

/** Makes an image of one layer from the tar of a root file system, compressed or not: the path of a file or of a folder, a URL, or a stream. */
export function importImage(
  engine: Engine,
  tar: string | ByteStream,
  options: ImportOptions = {},
): Job<ImportProgress, Image> {
  return startJob(async ({ signal, report }) => {
    const name = options.name === undefined ? undefined : formatReference(withDefaultTag(parseReference(options.name)));
    const config = applyChanges({}, options.changes ?? []);
    await using _lease = await engine.store.lease();
    const read = counted(typeof tar === 'string' ? await openSource(tar, signal) : tar, (bytes) =>
      report({ kind: 'read', bytes }),
    );
    const image = await commitImage(engine.store, {
      layer: checked(decompress(read, { signal })),
      config,
      createdBy: '',
      comment: options.message ?? `Imported from ${typeof tar === 'string' ? tar : '-'}`,
      signal,
      ...(options.platform && { platform: options.platform }),
    });
    await unpackImage(engine.store, await engine.snapshots(), image, { signal });
    await engine.store.images.set(name, image.target);
    imageEvent(engine, 'import', image.id);
    return image;
  }, options);
}

/** A file, a folder (packed on the way), or a URL. */
async function openSource(from: string, signal: AbortSignal): Promise<ByteStream> {
  if (/^https?:\/\//i.test(from)) return fetchTar(from, signal);
  try {
    return (await stat(from)).isDirectory()
      ? packTree(resolve(from))
      : createReadStream(from, { highWaterMark: 1 << 20 });
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new EngineError(
      'NotFound',
      `${from}: no such file or folder; import takes a root file system as a tar or a folder, or - for standard input`,
      { cause: error },
    );
  }
}

async function fetchTar(url: string, signal: AbortSignal): Promise<ByteStream> {
  const answer = await fetch(url, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new EngineError('Unavailable', `cannot get ${url}: ${errorMessage(cause)}`, { cause });
  });
  if (!answer.ok || !answer.body)
    throw new EngineError(
      answer.status === 404 ? 'NotFound' : 'Unavailable',
      `cannot get ${url}: the server answers ${answer.status}`,
    );
  return answer.body;
}

/** Refuses what is no tar before it becomes a layer. */
async function* checked(tar: ByteStream): AsyncGenerator<Uint8Array> {
  let members = 0;
  const parser = tarParser({ entry: () => members++, data() {}, endEntry() {} });
  for await (const chunk of tar) {
    parser.write(chunk);
    yield chunk;
  }
  parser.end();
  if (members === 0) throw new EngineError('InvalidArgument', 'the archive to import is empty');
}
