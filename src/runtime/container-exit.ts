import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, hasCode } from '../std/index.ts';
import type { Container } from './container.ts';
import { containerEvent } from './container-event.ts';
import { changeState, exitOf, recordedState } from './container-state.ts';
import { readContainer } from './find-container.ts';
import { deleteFromRuntime, finishContainer } from './finish.ts';
import { rootfsOf } from './folders.ts';
import { requireProgram } from './host-tools.ts';
import { runCommand } from './namespace-command.ts';
import { removeAnonymousVolumes } from './volumes.ts';

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 60_000;
/** A container that ran so long has recovered: the pauses begin anew. */
const RECOVERED = 10_000;

export interface ExitActions {
  /** Starts the container again, with {@link startDetached}. */
  restart(container: Container, progress: { restarts: number; backoff: number }): Promise<void>;
  /** Removes the snapshot of a container that went with its end. */
  removed(container: Container): Promise<void>;
}

/**
 * What follows a monitored container's end: called by conmon's exit command, in the mount namespace that has its files mounted. May be called
 * twice, or for a container that is gone.
 */
export async function containerExited(root: string, id: string, actions: ExitActions): Promise<void> {
  const container = readContainer(root, id);
  if (!container) return;
  await deleteFromRuntime(root, id);
  await runCommand([requireProgram('umount', 'util-linux'), rootfsOf(container.folder)]); // here alone; elsewhere it never was
  const state = recordedState(container.folder);
  if (state.status !== 'running' && state.status !== 'paused') return; // never started, which its command records; or finished
  const ending = exitOf(container.folder, id);
  if (!finishContainer(root, container, ending)) return;
  if (container.autoRemove) {
    await removeAnonymousVolumes(root, container);
    return actions.removed(container);
  }
  if (!wantsRestart(container, ending.exitCode, state)) return;
  const ran = Date.parse(ending.finishedAt) - Date.parse(state.startedAt ?? ending.finishedAt);
  const pause =
    ran > RECOVERED || state.backoff === undefined ? FIRST_PAUSE : Math.min(state.backoff * 2, LONGEST_PAUSE);
  const restarts = state.restarts + 1;
  changeState(container.folder, (now) =>
    now.status === 'exited' ? { ...now, status: 'restarting', restarts, backoff: pause } : undefined,
  );
  await restartAfter(root, id, { restarts, pause }, actions);
}

/** Where its files are in use just then it is tried again; whatever else keeps it from starting ends it for good, as under docker. */
async function restartAfter(
  root: string,
  id: string,
  { restarts, pause }: { restarts: number; pause: number },
  actions: Pick<ExitActions, 'restart'>,
): Promise<void> {
  for (let wait = pause; ; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
    await sleep(wait);
    const now = readContainer(root, id);
    if (now?.state.status !== 'restarting') return; // stopped, started or removed meanwhile
    try {
      await actions.restart(now, { restarts, backoff: wait });
      containerEvent(root, now, 'restart');
      return;
    } catch (error) {
      if (hasCode(error, 'Conflict')) continue;
      giveUp(now, errorMessage(error));
      throw error;
    }
  }
}

/** One that could not start its process has said so itself. */
function giveUp({ folder }: Container, error: string): void {
  changeState(folder, ({ watcher: _, ...now }) =>
    now.status === 'restarting' ? { ...now, status: 'exited', error } : undefined,
  );
}

function wantsRestart(
  { restart }: Container,
  exitCode: number,
  { stopped, restarts }: { stopped?: boolean; restarts: number },
): boolean {
  if (stopped) return false;
  switch (restart.name) {
    case 'no':
      return false;
    case 'on-failure':
      return exitCode !== 0 && (!restart.maximumRetries || restarts < restart.maximumRetries);
    case 'always':
    case 'unless-stopped':
      return true;
  }
}
