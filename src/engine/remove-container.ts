import { type Container, removeContainer as remove, requireContainer } from '../runtime/index.ts';
import { hasCode } from '../std/index.ts';
import type { Engine } from './engine.ts';

export interface RemoveContainerOptions {
  /** Kills it first. */
  readonly force?: boolean;
  /** Removes the volumes that were made for it. */
  readonly volumes?: boolean;
}

/** Removes a container and all that it changed. Conflict for one that runs, unless `force`. */
export async function removeContainer(
  engine: Engine,
  name: string,
  options: RemoveContainerOptions = {},
): Promise<Container> {
  const container = requireContainer(engine.root, name);
  await remove(engine.root, container, options); // the record first: without it the rest is only waste, which the next prune takes
  await removeSnapshot(engine, container);
  return container;
}

/** What the container changed. `idle`: its run has just ended, and its record is gone. */
export async function removeSnapshot(
  engine: Engine,
  { snapshot, driver }: Container,
  options: { readonly idle?: boolean } = {},
): Promise<void> {
  await (await engine.snapshots(driver)).remove(snapshot, options);
}

/** After a start that failed: what would go with its run goes without one. A Conflict tells of somebody else's start, whose it stays. */
export async function removeUnstarted(engine: Engine, container: Container, failure: unknown): Promise<void> {
  if (!container.autoRemove || hasCode(failure, 'Conflict')) return;
  await remove(engine.root, container);
  await removeSnapshot(engine, container);
}
