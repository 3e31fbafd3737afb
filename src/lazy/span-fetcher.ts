import { readSpan, type Span } from '../compression/index.ts';
import type { Descriptor } from '../oci/index.ts';
import { type ByteStream, readAll } from '../std/index.ts';
import type { LayerCache } from './layer-cache.ts';
import type { LayerSpans } from './spans-file.ts';

/** Asks the registry for a part of a layer's blob. */
export type OpenPart = (
  layer: Descriptor,
  part: { readonly offset: number; readonly length: number; readonly signal: AbortSignal },
) => Promise<ByteStream>;

/** A layer that is fetched in parts. */
export interface FetchedLayer {
  readonly layer: Descriptor;
  readonly spans: LayerSpans;
  readonly cache: LayerCache;
}

/** Milliseconds that a reader waits for one span, whatever the registry does. */
const PATIENCE = 30_000;

/** Fetches spans of layers, each once: those that somebody waits for, and in between the others. */
export class SpanFetcher {
  readonly #layers: readonly FetchedLayer[];
  readonly #open: OpenPart;
  readonly #running = new Map<string, Promise<void>>();
  /** How many are waited for. */
  #demanded = 0;
  #quiet: PromiseWithResolvers<void> | undefined;
  /** Where somebody read last: what lies behind is likely to be next. */
  #last = { layer: 0, span: 0 };

  constructor(layers: readonly FetchedLayer[], open: OpenPart) {
    this.#layers = layers;
    this.#open = open;
  }

  /** Settles when the span can be read. */
  async demand(layer: number, span: number): Promise<void> {
    this.#last = { layer, span };
    this.#demanded++;
    try {
      await this.#fetch(layer, span);
    } finally {
      if (--this.#demanded === 0) this.#quiet?.resolve();
    }
  }

  /** Fetches one span that is missing, when nobody waits for another; false where all are there. */
  async fetchNext(): Promise<boolean> {
    while (this.#demanded > 0) {
      this.#quiet = Promise.withResolvers();
      await this.#quiet.promise;
    }
    const next = this.#nextMissing();
    if (next) await this.#fetch(next.layer, next.span);
    return next !== undefined;
  }

  #nextMissing(): { layer: number; span: number } | undefined {
    const count = this.#layers.length;
    for (let step = 0; step <= count; step++) {
      const layer = (this.#last.layer + step) % count;
      const { present } = (this.#layers[layer] as FetchedLayer).cache;
      const span = present.indexOf(0, step === 0 ? this.#last.span : 0);
      if (span >= 0) return { layer, span };
    }
    return undefined;
  }

  #fetch(layer: number, span: number): Promise<void> {
    const key = `${layer}/${span}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const fetching = this.#fetchSpan(this.#layers[layer] as FetchedLayer, span).finally(() =>
      this.#running.delete(key),
    );
    this.#running.set(key, fetching);
    return fetching;
  }

  async #fetchSpan({ layer, spans: { compression, spans }, cache }: FetchedLayer, index: number): Promise<void> {
    if (cache.present[index] === 1) return;
    const span = spans[index] as Span;
    const length = span.to - span.from;
    const signal = AbortSignal.timeout(PATIENCE);
    const bytes = await readAll(await this.#open(layer, { offset: span.from, length, signal }), {
      limit: length,
      what: `part of layer ${layer.digest}`,
    });
    await cache.write(index, span.offset, await readSpan(compression, span, bytes));
  }
}
