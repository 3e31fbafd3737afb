import { constants, copyFileSync, linkSync, rmSync } from 'node:fs';
import { EngineError, isErrno } from '../std/index.ts';
import { createDirectFile } from './direct-file.ts';

/** The uncompressed tar of a blob on its way to a file. Disposing closes it and takes it away, unless it is finished. */
export interface KeptTar extends Disposable {
  /** The next bytes of the tar. */
  seen(chunk: Uint8Array): void;
  /** The tar is whole. One that was not compressed becomes a second name of its blob's file, or a copy where that can't be. */
  finish(blobPaths: readonly string[]): void;
}

/** Keeps at `path` what a blob decompresses to; nothing is written of one that `isPlain`, which is its tar. */
export function keepTar(path: string, { isPlain }: { readonly isPlain: boolean }): KeptTar {
  rmSync(path, { force: true }); // what was there may be mounted, and keeps its bytes then
  const file = isPlain ? undefined : explainFull(() => createDirectFile(path));
  let finished = false;
  return {
    seen(chunk) {
      explainFull(() => file?.write(chunk));
    },
    finish(blobPaths) {
      if (file) explainFull(() => file.finish());
      else explainFull(() => linkBlob(blobPaths, path));
      finished = true;
    },
    [Symbol.dispose]() {
      file?.[Symbol.dispose]();
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
