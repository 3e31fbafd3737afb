import {
  type Container,
  killContainer,
  pauseContainer,
  type Resources,
  type RestartPolicy,
  reapContainers,
  renameContainer,
  requireContainer,
  stopContainer,
  unpauseContainer,
  updateContainer,
  waitContainer,
} from '../runtime/index.ts';
import type { Engine } from './engine.ts';
import { removeSnapshot } from './remove-container.ts';
import { start } from './start.ts';

export interface StopOptions {
  /** Seconds between the signal and SIGKILL; the container's own where nothing is said, below 0 for ever. */
  readonly timeout?: number;
  readonly signal?: string;
}

/** Ends a container with its stop signal, and with SIGKILL where that is not enough. One that does not run stays as it is. */
export async function stop({ root }: Engine, name: string, options: StopOptions = {}): Promise<void> {
  await stopContainer(root, requireContainer(root, name), options);
}

/** Sends a signal; Conflict for a container that does not run. */
export async function kill({ root }: Engine, name: string, signal = 'SIGKILL'): Promise<void> {
  await killContainer(root, requireContainer(root, name), signal);
}

export async function restart(engine: Engine, name: string, options: StopOptions = {}): Promise<void> {
  await stop(engine, name, options);
  await start(engine, name);
}

/** Stops every process of the container where it stands. */
export async function pause({ root }: Engine, name: string): Promise<void> {
  await pauseContainer(root, requireContainer(root, name));
}

export async function unpause({ root }: Engine, name: string): Promise<void> {
  await unpauseContainer(root, requireContainer(root, name));
}

/** Waits for a container's end; its exit code. */
export async function wait(
  { root }: Engine,
  name: string,
  options: { readonly condition?: 'not-running' | 'next-exit' | 'removed'; readonly signal?: AbortSignal } = {},
): Promise<number> {
  return waitContainer(root, requireContainer(root, name), options);
}

/** AlreadyExists for a name that is taken. */
export async function rename({ root }: Engine, name: string, to: string): Promise<void> {
  await renameContainer(root, requireContainer(root, name), to);
}

/** Changes limits, at once where it runs, and the restart policy. */
export async function update(
  { root }: Engine,
  name: string,
  change: { readonly resources?: Resources; readonly restart?: RestartPolicy },
): Promise<void> {
  await updateContainer(root, requireContainer(root, name), change);
}

/** Finishes what killed commands left: containers that say "running" and do not, and what went with their end. */
export async function reap(engine: Engine): Promise<readonly Container[]> {
  const reaped = await reapContainers(engine.root);
  for (const container of reaped) if (container.autoRemove) await removeSnapshot(engine, container);
  return reaped;
}
