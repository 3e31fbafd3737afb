import type { IncomingMessage } from 'node:http';
import type { HttpResponse } from './http.ts';
import { TimeLimitError } from './network-error.ts';

/** Bytes that wait for their reader before the server is made to wait. */
const QUEUED = 256 * 1024;
/** Of a body that nobody wants: beyond this a new connection costs less than reading on. */
const DUMPED = 128 * 1024;

/**
 * The body as it comes in, chunk by chunk and none put together. `idleTimeout` (milliseconds) limits the wait for the next chunk, not how long its
 * reader takes; `asked` turns the network's errors into what was asked for meanwhile.
 */
export function responseBody(
  response: IncomingMessage,
  { idleTimeout, asked }: { idleTimeout: number; asked(error: unknown): unknown },
): HttpResponse['body'] {
  const chunks: Buffer[] = [];
  let queued = 0;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => {};
  const fail = (error: unknown): void => {
    failure ??= { error };
    wake();
  };
  response.once('end', () => {
    ended = true;
    wake();
  });
  response.on('error', fail);
  response.once('close', () => {
    if (!ended) fail(new Error('the connection was closed'));
  });

  const take = (chunk: Buffer): void => {
    chunks.push(chunk);
    queued += chunk.length;
    if (queued >= QUEUED) response.pause();
    wake();
  };

  const more = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    if (response.isPaused()) response.resume();
    const limit = setTimeout(() => fail(new TimeLimitError('body')), idleTimeout);
    await promise;
    clearTimeout(limit);
  };

  async function* read(): AsyncGenerator<Buffer, void> {
    response.on('data', take);
    try {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk) {
          queued -= chunk.length;
          yield chunk;
        } else if (failure) {
          throw asked(failure.error);
        } else if (ended) {
          return;
        } else {
          await more();
        }
      }
    } finally {
      if (!ended) response.destroy();
    }
  }

  return {
    [Symbol.asyncIterator]: read,
    async dump() {
      let left = DUMPED;
      try {
        for await (const chunk of read()) {
          left -= chunk.length;
          if (left < 0) return;
        }
      } catch {
        // What failed while it was thrown away was not wanted.
      }
    },
  };
}
