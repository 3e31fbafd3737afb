import { type EventQuery, type JournalEvent, readEvents } from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** What happened to containers, images and volumes of this state, whoever did it; with `follow` what happens from now on too. */
export function events({ root }: Engine, query: EventQuery = {}): AsyncIterable<JournalEvent> {
  return readEvents(root, query);
}
