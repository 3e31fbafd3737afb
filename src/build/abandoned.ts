import { startTimeOf } from '../linux/index.ts';
import { listContainers, removeContainer } from '../runtime/index.ts';
import type { Snapshotter } from '../snapshot/index.ts';
import { hasCode } from '../std/index.ts';

/** Of containers that a build runs its steps in: whose they are. */
const LABEL = 'io.overstrata.build';

/** Labels for a container of this process. */
export function buildLabels(): Readonly<Record<string, string>> {
  return { [LABEL]: `${process.pid} ${startTimeOf(process.pid) ?? ''}` };
}

/** Removes containers whose builds were killed, with what they changed. */
export async function removeAbandoned(root: string, snapshots: Snapshotter): Promise<void> {
  for (const container of await listContainers(root)) {
    const owner = container.labels[LABEL];
    if (owner === undefined || isAlive(owner)) continue;
    try {
      await removeContainer(root, container, { force: true, volumes: true });
      if (container.driver === snapshots.driver) await snapshots.remove(container.snapshot);
    } catch (error) {
      if (!hasCode(error, 'NotFound') && !hasCode(error, 'Conflict')) throw error; // another build does the same
    }
  }
}

function isAlive(owner: string): boolean {
  const [pid, started] = owner.split(' ');
  return startTimeOf(Number(pid)) === started;
}
