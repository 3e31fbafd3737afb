import type { GrowingFile } from '../std/index.ts';
import { unpackError } from './thread-error.ts';
import { closeWorkers, readyWorker, takeWorker } from './unpack-pool.ts';
import type { UnpackedLayer, UnpackPlan } from './unpack-stream.ts';

export { closeWorkers, readyWorker };

export interface UnpackRequest extends UnpackPlan {
  /** The blob, compressed or not; it may still be growing. */
  readonly file: GrowingFile;
  readonly signal?: AbortSignal;
  /** Hears how many of the blob's bytes are taken in, now and then and at the end. */
  readonly report?: (bytes: number) => void;
}

/**
 * Unpacks a layer in a worker thread: inflates, hashes, writes the tree and the table of contents in one pass, while the blob may still
 * arrive. As many run at once as there are cores; others wait. DigestMismatch where it is not the layer that `diffID` names, otherwise
 * errors as `applyLayer` and `decompress` have them. After a failure or an abort nothing writes any more, and `root` is waste.
 */
export async function unpackLayer({ file, signal, report, ...plan }: UnpackRequest): Promise<UnpackedLayer> {
  signal?.throwIfAborted();
  using lent = await takeWorker(signal);
  const stop = (): void => lent.send({ kind: 'abort' });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise<UnpackedLayer>((resolve, reject) => {
      lent.listen({
        message(message) {
          if (message.kind === 'progress') report?.(message.bytes);
          else if (message.kind === 'done') resolve(message.layer);
          else reject(unpackError(message.error));
        },
        broken: reject,
      });
      lent.send({ kind: 'unpack', blob: file.handle, plan });
      if (signal?.aborted) stop(); // while it waited for a worker
    });
  } catch (error) {
    signal?.throwIfAborted(); // the caller's own reason
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
