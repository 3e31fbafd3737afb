import type { ByteStream } from '../std/index.ts';
import { EngineError } from '../std/index.ts';

/** The blob's content from an offset on; called again to resume or to begin anew. */
export type OpenContent = (offset: number) => Promise<ByteStream>;

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears how many of the blob's bytes are sent. */
  readonly report?: ((bytes: number) => void) | undefined;
}

/** What an upload reads, with an eye on what goes wrong there. */
export interface UploadContent {
  from(offset: number): ByteStream;
  /** What the content's own stream threw: sending again would not help. */
  failure(): unknown;
}

/** `size` where it is known: other lengths are refused. */
export function watchContent(
  open: OpenContent,
  { name, size }: { readonly name: string; readonly size?: number },
  report?: (bytes: number) => void,
): UploadContent {
  let failure: unknown;
  return {
    failure: () => failure,
    async *from(offset) {
      let at = offset;
      const stream = await open(offset).catch((error: unknown) => {
        failure = error;
        throw error;
      });
      const chunks = stream[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await chunks.next().catch((error: unknown) => {
            failure = error;
            throw error;
          });
          if (next.done) break;
          at += next.value.length;
          if (size !== undefined && at > size) break;
          yield next.value;
          report?.(at);
        }
      } finally {
        await chunks.return?.();
      }
      if (size === undefined || at === size) return;
      failure = new EngineError('DataLoss', `${name} has ${at > size ? 'more' : 'less'} than its ${size} bytes`);
      throw failure;
    },
  };
}
