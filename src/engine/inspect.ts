import { findImage, inspectImage } from '../image/index.ts';
import { getContainer, getVolume } from '../runtime/index.ts';
import { EngineError } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { inspectContainer } from './inspect-container.ts';
import { inspectVolume } from './volumes.ts';

export interface InspectOptions {
  /** Only look among these. */
  readonly type?: 'container' | 'image' | 'volume';
  /** Measures what a container changed. */
  readonly size?: boolean;
}

/** All that is known of what a name means: a container first, then an image, then a volume, as `docker inspect` looks. */
export async function inspectAny(
  engine: Engine,
  name: string,
  { type, size = false }: InspectOptions = {},
): Promise<object> {
  const wanted = (kind: string): boolean => type === undefined || type === kind;
  const container = wanted('container') ? getContainer(engine.root, name) : undefined;
  if (container) return inspectContainer(engine, container, { size });
  const found = wanted('image') ? await findImage(engine.store, name) : undefined;
  if (found) return inspectImage(engine.store, found.image, (await engine.snapshots()).driver);
  if (wanted('volume') && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) && getVolume(engine.root, name))
    return inspectVolume(engine, name);
  throw new EngineError('NotFound', `no such ${type ?? 'object'}: ${name}`);
}
