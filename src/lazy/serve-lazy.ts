import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { serveFuse } from '../fuse/index.ts';
import { readTocFile } from '../layer/index.ts';
import { inUserNamespace } from '../snapshot/index.ts';
import { EngineError } from '../std/index.ts';
import { openUnion, type TocLayerInput } from '../union/index.ts';
import { checkToc } from './check-toc.ts';
import { CacheFile } from './layer-cache.ts';
import { LazySource, SpanRequests } from './lazy-source.ts';
import type { LazyPlan } from './plan.ts';
import { decodeSpans, type LayerSpans } from './spans-file.ts';

/** What the thread that fetches is started with. */
export interface FetchWork<Plan extends LazyPlan = LazyPlan> {
  readonly plan: Plan;
  readonly present: readonly Uint8Array[];
}

/**
 * Serves the image of `plan` on `fuse`, a mounted /dev/fuse, until it is unmounted. `worker` is the file of the thread that fetches, which gets
 * {@link FetchWork} and runs `fetchLayers`: this one is blocked while it waits for requests.
 */
export async function serveLazy(fuse: number, plan: LazyPlan, worker: string): Promise<void> {
  const opened = await Promise.all(plan.layers.map(openLayer));
  const present = opened.map(({ spans }) => new Uint8Array(new SharedArrayBuffer(spans.spans.length)));
  const thread = new Worker(worker, { workerData: { plan, present } satisfies FetchWork });
  thread.on('error', () => process.exit(1));
  const requests = new SpanRequests(thread);
  const layers = opened.map(({ toc, spans, folder }, layer): TocLayerInput => {
    const source = new LazySource(spans, { folder, layer, present: present[layer] as Uint8Array, requests });
    return { entries: toc.entries, source };
  });
  const union = openUnion({
    layers: layers.length > 0 ? layers : [{ entries: [] }],
    ...(plan.upper && { upper: plan.upper }),
  });
  await serveFuse(fuse, union, { passthrough: !inUserNamespace() });
}

async function openLayer({ folder, layer, diffID }: LazyPlan['layers'][number]): Promise<{
  readonly folder: string;
  readonly toc: NonNullable<Awaited<ReturnType<typeof readTocFile>>>;
  readonly spans: LayerSpans;
}> {
  const spans = decodeSpans(await readFile(join(folder, CacheFile.spans)), layer, diffID);
  const toc = await readTocFile(join(folder, CacheFile.toc));
  if (!toc) throw new EngineError('NotFound', `the index of layer ${layer.digest} is gone`);
  checkToc(toc, { diffID, size: spans.size });
  return { folder, toc, spans };
}
