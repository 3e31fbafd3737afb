import type { Worker } from 'node:worker_threads';
import type { LayerSource } from '../layer/index.ts';
import type { SpanAnswer } from './fetch-layers.ts';
import { openCachedTar } from './layer-cache.ts';
import type { LayerSpans } from './spans-file.ts';

/** Spans that were asked of the thread that fetches. */
export class SpanRequests {
  readonly #worker: Worker;
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', ({ layer, span, error }: SpanAnswer) => {
      const key = `${layer}/${span}`;
      const waiting = this.#waiting.get(key);
      this.#waiting.delete(key);
      if (error === undefined) waiting?.resolve();
      else waiting?.reject(new Error(error));
    });
  }

  ask(layer: number, span: number): Promise<void> {
    const key = `${layer}/${span}`;
    const known = this.#waiting.get(key);
    if (known) return known.promise;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(key, waiting);
    this.#worker.postMessage({ layer, span });
    return waiting.promise;
  }
}

/** A layer's bytes, each fetched when it is first read. What can't be fetched now is an error now, and is asked for again at the next read. */
export class LazySource implements LayerSource {
  readonly #tar: ReturnType<typeof openCachedTar>;
  /** Where each span begins. */
  readonly #offsets: Float64Array;

  readonly #layer: number;
  readonly #present: Uint8Array;
  readonly #requests: SpanRequests;

  constructor(
    { spans }: LayerSpans,
    {
      folder,
      layer,
      present,
      requests,
    }: { folder: string; layer: number; present: Uint8Array; requests: SpanRequests },
  ) {
    this.#tar = openCachedTar(folder);
    this.#offsets = Float64Array.from(spans, ({ offset }) => offset);
    this.#layer = layer;
    this.#present = present;
    this.#requests = requests;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const missing: Promise<void>[] = [];
    for (let span = this.#spanAt(offset); (this.#offsets[span] ?? Number.POSITIVE_INFINITY) < offset + length; span++)
      if (Atomics.load(this.#present, span) === 0) missing.push(this.#requests.ask(this.#layer, span));
    if (missing.length > 0) await Promise.all(missing);
    const bytes = Buffer.allocUnsafe(length);
    return bytes.subarray(0, this.#tar.read(bytes, offset));
  }

  /** The last span that begins at or before `offset`. */
  #spanAt(offset: number): number {
    let low = 0;
    let high = this.#offsets.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#offsets[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }
}
