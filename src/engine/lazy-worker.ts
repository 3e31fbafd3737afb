/** The thread of `lazy-helper` that fetches what is read, and all else meanwhile. */
import { writeFileSync } from 'node:fs';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type FetchWork, fetchLayers, madeIndexes } from '../lazy/index.ts';
import { errorMessage } from '../std/index.ts';
import type { LazyServerPlan } from './lazy-plan.ts';
import { Registries } from './registries.ts';

const { plan, present } = workerData as FetchWork<LazyServerPlan>;
const root = plan.options.root as string;

async function work(port: MessagePort): Promise<void> {
  const registries = Registries.open(plan.options);
  try {
    await fetchLayers(plan, {
      port,
      present,
      open: async (layer, part) => (await registries).client(plan.registry).blob(plan.repository, layer, part),
    });
  } catch (error) {
    // What was read so far may be wrong: nobody may go on with it. The thread that serves is blocked, and may be so for long.
    await madeIndexes(root).remove(plan.image);
    writeFileSync(plan.failure, errorMessage(error), { mode: 0o600 });
    process.kill(process.pid, 'SIGKILL');
  }
}

if (parentPort) void work(parentPort);
