import { type Change, withoutMade } from '../layer/index.ts';
import { type Container, madePaths } from '../runtime/index.ts';
import type { Engine } from './engine.ts';
import { openSnapshot } from './open-snapshot.ts';

/** What a container changed against its image; without the empty files and folders that were only made to mount something over. */
export async function* containerChanges(engine: Engine, container: Container): AsyncGenerator<Change> {
  const snapshot = await openSnapshot(engine, container);
  yield* withoutMade(snapshot.changes(), madePaths(container));
}
