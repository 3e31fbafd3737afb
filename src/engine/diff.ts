import type { Change } from '../layer/index.ts';
import { requireContainer } from '../runtime/index.ts';
import { containerChanges } from './container-changes.ts';
import type { Engine } from './engine.ts';

/** What a container changed against its image, sorted by path: docker's A, C and D. */
export async function diff(engine: Engine, name: string): Promise<Pick<Change, 'kind' | 'path'>[]> {
  const container = requireContainer(engine.root, name);
  const changes: Pick<Change, 'kind' | 'path'>[] = [];
  for await (const { kind, path } of containerChanges(engine, container)) if (path !== '') changes.push({ kind, path });
  return changes;
}
