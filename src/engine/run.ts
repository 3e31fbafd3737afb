import { type Container, type RunResult, type RunStreams, runForeground, StartError } from '../runtime/index.ts';
import { attach } from './attach.ts';
import type { Engine } from './engine.ts';
import { openSnapshot } from './open-snapshot.ts';
import { removeSnapshot, removeUnstarted } from './remove-container.ts';
import { start, watchHealth } from './start.ts';

export interface RunOptions {
  readonly streams?: RunStreams;
  /** Passes this process's signals on to the container. */
  readonly proxySignals?: boolean;
  /** Of a container with a terminal: `ctrl-p,ctrl-q`. */
  readonly detachKeys?: string;
  readonly signal?: AbortSignal;
}

/**
 * Runs a container to its end while the caller waits; one that was made with `autoRemove` goes with it. Without a terminal the OCI runtime is
 * our own child, which is quick; with one it runs under the monitor, so that the terminal can be left and taken up again.
 */
export async function run(engine: Engine, container: Container, options: RunOptions = {}): Promise<RunResult> {
  if (container.tty) return runInTerminal(engine, container, options);
  watchHealth(engine, container);
  let result: RunResult;
  try {
    result = await runForeground(engine.root, container, await openSnapshot(engine, container), options);
  } catch (error) {
    await removeUnstarted(engine, container, error);
    throw error;
  }
  if (container.autoRemove) await removeSnapshot(engine, container, { idle: true });
  return result;
}

async function runInTerminal(
  engine: Engine,
  container: Container,
  { detachKeys, signal }: RunOptions,
): Promise<RunResult> {
  let attached: Promise<number | undefined> | undefined;
  try {
    await start(engine, container.id, {
      // attached before its process starts, so that nothing of what it says is missed
      async beforeStart() {
        attached = attach(engine, container.id, {
          ...(detachKeys !== undefined && { detachKeys }),
          ...(signal && { signal }),
        });
        attached.catch(() => {}); // it is thrown where it is awaited
      },
    });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { exitCode: error.exitCode, error: error.message };
  }
  return { exitCode: (await attached) ?? 0 };
}
