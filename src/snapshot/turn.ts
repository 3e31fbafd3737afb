import { lockFile } from '../linux/index.ts';

/** A lock for long work, waited for without end; an abort leaves the queue at once, with the caller's own reason. */
export async function waitTurn(path: string, signal: AbortSignal | undefined): Promise<Disposable> {
  const turn = lockFile(path, { timeout: Number.POSITIVE_INFINITY, ...(signal && { signal }) });
  const aborted = Promise.withResolvers<never>();
  const leave = (): void => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([turn, aborted.promise]);
  } catch (error) {
    turn.then((lock) => lock[Symbol.dispose]()).catch(() => {}); // it may come to us still
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}
