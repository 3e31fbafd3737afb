import { type FoundImage, findImage, platformOf } from '../image/index.ts';
import { formatPlatform, type Platform } from '../oci/index.ts';
import { EngineError, type Job } from '../std/index.ts';
import type { TransferEvent } from '../transfer/index.ts';
import type { Engine } from './engine.ts';
import type { Pulled } from './pull.ts';

export type PullPolicy = 'always' | 'missing' | 'never';

/** Sees to it that an image is here, as `run --pull` says; `follow` shows the pull where one is needed. Gives the image where it was here before. */
export async function ensureImage(
  engine: Engine,
  name: string,
  options: {
    readonly policy: PullPolicy;
    readonly platform?: Platform;
    readonly signal?: AbortSignal;
    follow(job: Job<TransferEvent, Pulled>): Promise<unknown>;
  },
): Promise<FoundImage | undefined> {
  const { policy, platform, signal } = options;
  if (policy !== 'always') {
    const found = await findImage(engine.store, name);
    if (found && (!platform || formatPlatform(platformOf(found.image.config)) === formatPlatform(platform)))
      return found;
    if (policy === 'never')
      throw new EngineError('NotFound', `no such image: ${name}, and --pull never forbids to pull it`);
  }
  const { pull } = await import('./pull.ts'); // a run of a local image needs nothing of it
  await using job = pull(engine, name, { ...(platform && { platform }), ...(signal && { signal }) });
  await options.follow(job);
  return undefined;
}
