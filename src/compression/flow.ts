import type { ByteStream } from '../std/index.ts';

/** The same items, the next one asked for while the consumer works on this one. */
export async function* readAhead<Item>(source: AsyncIterable<Item>): AsyncGenerator<Item, void> {
  const items = source[Symbol.asyncIterator]();
  const ask = () => {
    const next = items.next();
    next.catch(() => {}); // it is thrown where it is awaited
    return next;
  };
  try {
    for (let next = ask(); ; ) {
      const item = await next;
      if (item.done) return;
      next = ask();
      yield item.value;
    }
  } finally {
    await items.return?.();
  }
}

/** The same bytes until `signal` aborts; its reason is thrown even while the source is silent. */
export async function* untilAborted(
  source: ByteStream,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  if (!signal) return yield* source;
  signal.throwIfAborted();
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const chunk = await orAbort(chunks.next(), signal);
      if (chunk.done) return;
      yield chunk.value;
      signal.throwIfAborted();
    }
  } finally {
    const returned = chunks.return?.();
    if (signal.aborted)
      returned?.catch(() => {}); // a silent source would keep us here
    else await returned;
  }
}

/** What comes first. A race against one promise that lives as long as the signal would keep every chunk that won it in memory. */
function orAbort<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Splits off at least `length` bytes, fewer only where there are no more. `rest` begins with them. */
export async function peek(
  source: AsyncGenerator<Uint8Array, void>,
  length: number,
): Promise<{ start: Uint8Array; rest: AsyncGenerator<Uint8Array, void> }> {
  let start: Uint8Array = Buffer.alloc(0);
  while (start.length < length) {
    const chunk = await source.next();
    if (chunk.done) break;
    start = start.length === 0 ? chunk.value : Buffer.concat([start, chunk.value]);
  }
  const first = start;
  async function* rest(): AsyncGenerator<Uint8Array, void> {
    try {
      if (first.length > 0) yield first;
      yield* source;
    } finally {
      await source.return();
    }
  }
  return { start, rest: rest() };
}
