import { spawn } from 'node:child_process';
import { type Container, containerExited, healthPlan, requireContainer, startDetached } from '../runtime/index.ts';
import { EngineError } from '../std/index.ts';
import type { Engine } from './engine.ts';
import { openSnapshot } from './open-snapshot.ts';
import { removeSnapshot, removeUnstarted } from './remove-container.ts';

/** The hidden verb that conmon runs at a container's end; the container's id follows. */
const EXIT_VERB: readonly string[] = ['internal', 'container-exit'];

/** The hidden verb of the health monitor. */
const HEALTH_VERB: readonly string[] = ['internal', 'health-monitor'];

/** Starts a container in the background, where it outlives this process. Conflict for one that runs. */
export async function start(
  engine: Engine,
  name: string,
  { beforeStart }: { beforeStart?: () => Promise<void> } = {},
): Promise<Container> {
  const container = requireContainer(engine.root, name);
  await startInBackground(engine, container, beforeStart ? { beforeStart } : {});
  return container;
}

/** What a monitored container's end asks for: its state, its removal, its next start. Called in the mount namespace that holds its files. */
export async function containerExit(engine: Engine, id: string): Promise<void> {
  await containerExited(engine.root, id, {
    restart: (container, progress) => startInBackground(engine, container, progress),
    removed: (container) => removeSnapshot(engine, container),
  });
}

/** Sees to it that the container's health is checked: by the one monitor of this state, which ends when nothing is left to check. */
export function watchHealth(engine: Engine, container: Container): void {
  const [program, ...args] = engine.options.program ?? [];
  if (program === undefined || !healthPlan(container)) return;
  spawn(program, [...args, '--root', engine.root, ...HEALTH_VERB], { detached: true, stdio: 'ignore' }).unref();
}

async function startInBackground(
  engine: Engine,
  container: Container,
  progress: { restarts?: number; backoff?: number; beforeStart?: () => Promise<void> },
): Promise<void> {
  const { program } = engine.options;
  if (!program)
    throw new EngineError(
      'InvalidArgument',
      'a container in the background needs a program that looks after its end: give openEngine the option program',
    );
  const exitCommand = [...program, '--root', engine.root, '--storage-driver', container.driver];
  exitCommand.push(...EXIT_VERB, container.id);
  try {
    const snapshot = await openSnapshot(engine, container);
    await startDetached(engine.root, container, snapshot, { ...progress, exitCommand });
  } catch (error) {
    await removeUnstarted(engine, container, error);
    throw error;
  }
  watchHealth(engine, container);
}
