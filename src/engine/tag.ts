import { requireImage } from '../image/index.ts';
import { familiarReference, formatReference, parseReference, withDefaultTag } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { imageEvent } from './image-event.ts';

/** Gives the image that `source` names another name; what that name meant before keeps its other names or becomes dangling. */
export async function tag(engine: Engine, source: string, target: string): Promise<void> {
  const { store } = engine;
  const reference = parseReference(target);
  if (reference.digest) throw new EngineError('InvalidArgument', `${target}: a tag cannot be a digest; say NAME[:TAG]`);
  const { record } = await requireImage(store, source);
  const { descriptor } = record;
  await store.images.set(formatReference(withDefaultTag(reference)), descriptor, {});
  imageEvent(engine, 'tag', familiarReference(withDefaultTag(reference)));
}
