import { appendEvent } from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** Tells the journal what happened to an image; `id` is a name as people write it, or an image ID. */
export function imageEvent(
  { root }: Engine,
  action: 'pull' | 'push' | 'tag' | 'untag' | 'delete' | 'import' | 'load' | 'save',
  id: string,
): void {
  appendEvent(root, { type: 'image', action, id, attributes: { name: id } });
}
