import { once } from 'node:events';
import type { Container } from './container.ts';
import { rootfsOf } from './folders.ts';
import { launch, type MountableSnapshot } from './launch.ts';

/**
 * The files of a container that does not run, for as long as this is held. They are mounted in the namespace of a process that ends when we do,
 * however that may be: nothing of it is left on the machine. Conflict where they are in use.
 */
export async function openFiles(
  container: Container,
  snapshot: MountableSnapshot,
): Promise<{ readonly path: string } & AsyncDisposable> {
  const launched = await launch(container, snapshot, {
    steps: [':'],
    args: [],
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const ended = once(launched.child, 'exit');
  return {
    path: `/proc/${launched.child.pid}/root${rootfsOf(container.folder)}`,
    async [Symbol.asyncDispose]() {
      launched[Symbol.dispose](); // which ends it
      await ended;
    },
  };
}
