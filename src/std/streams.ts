import { EngineError } from './errors.ts';

/** Bytes on their way, in chunks of any size. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** Everything `stream` yields, in one buffer of at most `limit` bytes; throws ResourceExhausted beyond it. */
export async function readAll(stream: ByteStream, { limit, what }: { limit: number; what: string }): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limit) throw new EngineError('ResourceExhausted', `${what} is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The same bytes; `report` hears how many have passed. */
export async function* counted(stream: ByteStream, report: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    report(bytes);
    yield chunk;
  }
}

/** Runs `work` over `items`, at most `limit` at a time; the first failure stops new ones and is thrown after the running ones end. */
export async function forEachLimited<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); !next.done && !failed; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: limit }, lane));
  for (const result of lanes) if (result.status === 'rejected') throw result.reason;
}
