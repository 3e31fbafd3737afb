import { closeSync, constants, copyFileSync, linkSync, openSync, rmSync } from 'node:fs';
import { detectCompression } from '../compression/index.ts';
import { type ByteStream, EngineError, isErrno } from '../std/index.ts';
import { writeFully } from './copy-up.ts';

/** What {@link detectCompression} looks at. */
const MAGIC = 6;

/** The uncompressed tar of a blob on its way to a file. Disposing closes it and takes it away, unless it is finished. */
export interface KeptTar extends Disposable {
  /** The blob, looked at as it passes. */
  readonly blob: ByteStream;
  /** The next bytes of the tar. */
  seen(chunk: Uint8Array): void;
  /** The tar is whole. One that was not compressed becomes a second name of its blob's file, or a copy where that can't be. */
  finish(blobPaths: () => readonly string[]): void;
}

/** Keeps at `path` what a blob decompresses to. */
export function keepTar(source: ByteStream, path: string): KeptTar {
  rmSync(path, { force: true }); // what was there may be mounted, and keeps its bytes then
  let start = Buffer.alloc(0);
  let file: number | undefined;
  let finished = false;
  const isPlain = (): boolean => detectCompression(start) === 'none';

  async function* watched(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of source) {
      if (start.length < MAGIC) start = Buffer.concat([start, chunk.subarray(0, MAGIC)]);
      yield chunk;
    }
  }

  return {
    blob: watched(),
    seen(chunk) {
      if (file === undefined && isPlain()) return;
      file ??= openSync(path, 'wx', 0o600);
      explainFull(() => writeFully(file as number, chunk));
    },
    finish(blobPaths) {
      if (file === undefined && isPlain()) explainFull(() => linkBlob(blobPaths(), path));
      else if (file === undefined) closeSync(openSync(path, 'wx', 0o600)); // of no bytes at all
      finished = true;
    },
    [Symbol.dispose]() {
      if (file !== undefined) closeSync(file);
      if (!finished) rmSync(path, { force: true });
    },
  };
}

/** Blobs are never changed, so that the two names can live apart. */
function linkBlob(candidates: readonly string[], path: string): void {
  for (const candidate of candidates) {
    try {
      linkSync(candidate, path);
      return;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) continue; // it was moved where the next candidate says
      if (!isErrno(error, 'EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP', 'ENOTSUP')) throw error;
      copyFileSync(candidate, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      return;
    }
  }
  throw new EngineError('NotFound', `the blob of a layer went while it was unpacked: ${candidates.join(', ')}`);
}

function explainFull<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    throw new EngineError('ResourceExhausted', 'unpacking a layer: no space left on the disk', { cause: error });
  }
}
