import { type ByteStream, EngineError } from '../std/index.ts';
import { encodeEntry, endOfArchive, paddingOf, storedSizeOf } from './encode.ts';
import type { TarEntry } from './entry.ts';

/** A member to be written; `content` is its stored data, absent where there is none. */
export interface TarInput {
  readonly entry: TarEntry;
  readonly content?: ByteStream;
}

/** An archive of `members`, end included. InvalidArgument where a content is not as long as its entry says. */
export async function* writeTar(
  members: AsyncIterable<TarInput> | Iterable<TarInput>,
): AsyncGenerator<Uint8Array, void> {
  for await (const { entry, content } of members) {
    yield encodeEntry(entry);
    const size = storedSizeOf(entry);
    let written = 0;
    for await (const chunk of content ?? []) {
      written += chunk.length;
      if (written > size) break;
      yield chunk;
    }
    if (written !== size) {
      const found = written > size ? 'is longer' : `ended after ${written}`;
      throw new EngineError(
        'InvalidArgument',
        `content of tar member ${JSON.stringify(entry.name)} should be ${size} bytes but ${found}`,
      );
    }
    const padding = paddingOf(size);
    if (padding.length > 0) yield padding;
  }
  yield endOfArchive;
}
