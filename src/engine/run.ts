import { type Container, type RunResult, type RunStreams, runForeground } from '../runtime/index.ts';
import type { Engine } from './engine.ts';
import { removeSnapshot } from './remove-container.ts';

export interface RunOptions {
  readonly streams?: RunStreams;
  /** Passes this process's signals on to the container. */
  readonly proxySignals?: boolean;
  readonly signal?: AbortSignal;
}

/** Runs a container to its end while the caller waits; one that was made with `autoRemove` goes with it. */
export async function run(engine: Engine, container: Container, options: RunOptions = {}): Promise<RunResult> {
  const snapshots = await engine.snapshots();
  try {
    return await runForeground(engine.root, container, await snapshots.open(container.snapshot), options);
  } finally {
    if (container.autoRemove) await removeSnapshot(engine, container);
  }
}
