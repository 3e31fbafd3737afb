import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { errorMessage, hasCode } from '../std/index.ts';
import { CacheFile, dropCache, LayerCache } from './layer-cache.ts';
import type { LazyPlan } from './plan.ts';
import { type FetchedLayer, type OpenPart, SpanFetcher } from './span-fetcher.ts';
import { decodeSpans } from './spans-file.ts';
import { verifyLayer } from './verify-layer.ts';

/** What the thread that serves asks of the one that fetches: a span. */
export interface SpanDemand {
  readonly layer: number;
  readonly span: number;
}

/** The answer; `error` where it could not be had. */
export interface SpanAnswer extends SpanDemand {
  readonly error?: string;
}

/** Before the background begins: what a program reads at its start comes first. */
const HEAD_START = 300;
/** Between two tries where the registry does not answer, growing. */
const PAUSE = { first: 1000, longest: 60_000 };
/** So often in a row a registry may send what the index does not know. */
const MOST_WRONG = 3;
/** Spans that one wait for the disk is for. */
const SETTLE_EVERY = 8;

/**
 * Fetches what is asked for on `port`, and all else meanwhile; then holds the layers against their digests. `present` has for each layer a byte for
 * each span. Throws DataLoss, with all of the image's parts and indexes dropped, where a layer is not what it should be.
 */
export async function fetchLayers(
  { layers }: LazyPlan,
  { port, present, open }: { port: MessagePort; present: readonly Uint8Array[]; open: OpenPart },
): Promise<void> {
  const fetched: FetchedLayer[] = [];
  for (const [index, { folder, layer, diffID }] of layers.entries()) {
    const spans = decodeSpans(await readFile(join(folder, CacheFile.spans)), layer, diffID);
    fetched.push({ layer, spans, cache: await LayerCache.open(folder, present[index] as Uint8Array) });
  }
  const fetcher = new SpanFetcher(fetched, open);
  port.on('message', ({ layer, span }: SpanDemand) => {
    fetcher.demand(layer, span).then(
      () => port.postMessage({ layer, span } satisfies SpanAnswer),
      (error) => port.postMessage({ layer, span, error: errorMessage(error) } satisfies SpanAnswer),
    );
  });
  await setTimeout(HEAD_START);
  try {
    await fetchAll(fetcher, fetched);
    for (const [index, { folder, diffID }] of layers.entries()) {
      const { cache } = fetched[index] as FetchedLayer;
      if (cache.isVerified) continue;
      await verifyLayer(folder, diffID);
      cache.markVerified();
    }
  } catch (error) {
    for (const { folder } of layers) await dropCache(folder);
    throw error;
  }
}

/** Ends when everything is here. A registry that does not answer is asked again, ever more seldom; one that sends other bytes a few times. */
async function fetchAll(fetcher: SpanFetcher, layers: readonly FetchedLayer[]): Promise<void> {
  const settle = async (): Promise<void> => {
    for (const { cache } of layers) await cache.settle();
  };
  let pause = PAUSE.first;
  let wrong = 0;
  for (let count = 1, more = true; more; count++) {
    try {
      more = await fetcher.fetchNext();
      pause = PAUSE.first;
      wrong = 0;
    } catch (error) {
      if (hasCode(error, 'DataLoss') && ++wrong === MOST_WRONG) throw error;
      await settle();
      await setTimeout(pause);
      pause = Math.min(2 * pause, PAUSE.longest);
    }
    if (count % SETTLE_EVERY === 0 || !more) await settle();
  }
}
