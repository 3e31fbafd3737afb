import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError, hasCode, isErrno } from '../std/index.ts';
import { type Container, type ContainerState, isActive } from './container.ts';
import { containerEvent } from './container-event.ts';
import { changeState, isStarting, stateOf } from './container-state.ts';
import { changed } from './events.ts';
import { readContainer } from './find-container.ts';
import { deleteFromRuntime, reapContainer } from './finish.ts';
import { runInNamespace } from './namespace-command.ts';
import { probeRuntime, runtimeArguments } from './oci-runtime.ts';
import { discardContainer } from './remove-container.ts';
import { parseSignal } from './signals.ts';
import { withStateLock } from './state-lock.ts';
import { removeAnonymousVolumes } from './volumes.ts';

const SIGKILL = 9;
/** How long a container gets to end after SIGKILL, in milliseconds. */
const KILL_PATIENCE = 10_000;

/** Sends a signal to a container's first process. Conflict where none runs. */
export async function killContainer(root: string, container: Container, signal = 'SIGKILL'): Promise<void> {
  const number = parseSignal(signal);
  const state = requireRunning(container);
  if (number === SIGKILL || number === parseSignal(container.stopSignal)) markStopped(container);
  await send(root, container, state, number);
  containerEvent(root, container, 'kill', { signal: String(number) });
}

/** Ends a container: its stop signal, and after `timeout` seconds SIGKILL. One that does not run is left as it is. */
export async function stopContainer(
  root: string,
  container: Container,
  { timeout = container.stopTimeout, signal = container.stopSignal }: { timeout?: number; signal?: string } = {},
): Promise<void> {
  const state = stateOf(container.folder, container.id);
  if (state.status === 'restarting') {
    changeState(container.folder, (now) =>
      now.status === 'restarting' ? { ...now, status: 'exited', stopped: true } : undefined,
    );
    return;
  }
  if (state.status !== 'running' && state.status !== 'paused') return;
  markStopped(container);
  if (state.status === 'paused') await unpauseContainer(root, container);
  await send(root, container, state, parseSignal(signal));
  const patience = timeout < 0 ? Number.POSITIVE_INFINITY : timeout * 1000;
  if (!(await endsWithin(root, container, patience))) {
    await send(root, container, stateOf(container.folder, container.id), SIGKILL);
    if (!(await endsWithin(root, container, KILL_PATIENCE)))
      throw new EngineError('Unavailable', `container ${container.name} does not end, even after SIGKILL`);
  }
  containerEvent(root, container, 'stop');
}

/** Waits for the container's end, or for its next one. Its exit code; that of a container which was removed meanwhile is not known. */
export async function waitContainer(
  root: string,
  container: Container,
  {
    condition = 'not-running',
    signal,
  }: { condition?: 'not-running' | 'next-exit' | 'removed'; signal?: AbortSignal } = {},
): Promise<number> {
  const first = readContainer(root, container.id);
  const since = condition === 'next-exit' ? first?.state.finishedAt : undefined;
  let code = first?.state.exitCode ?? 0;
  for (;;) {
    signal?.throwIfAborted();
    const now = readContainer(root, container.id);
    if (!now) return code;
    code = now.state.exitCode;
    const idle = now.state.status === 'exited' || (now.state.status === 'created' && condition === 'not-running');
    if (idle && condition !== 'removed' && (condition !== 'next-exit' || now.state.finishedAt !== since)) {
      await reapContainer(root, now);
      return code;
    }
    await changedFolder(now.folder, 250, signal);
  }
}

/** Stops every process of the container where it stands: the cgroup freezer. */
export async function pauseContainer(root: string, container: Container): Promise<void> {
  const state = requireRunning(container);
  if (state.status === 'paused') throw new EngineError('Conflict', `container ${container.name} is paused already`);
  await runtimeVerb(root, container, 'pause');
  recordPaused(container.folder, state);
  containerEvent(root, container, 'pause');
}

export async function unpauseContainer(root: string, container: Container): Promise<void> {
  const state = requireRunning(container);
  if (state.status !== 'paused') throw new EngineError('Conflict', `container ${container.name} is not paused`);
  await runtimeVerb(root, container, 'resume');
  changeState(container.folder, (now) => (now.status === 'paused' ? { ...now, status: 'running' } : undefined));
  containerEvent(root, container, 'unpause');
}

/** Of a run that has ended meanwhile, its end stays recorded. */
export function recordPaused(folder: string, { startedAt }: Pick<ContainerState, 'startedAt'>): void {
  changeState(folder, (now) =>
    now.status === 'running' && now.startedAt === startedAt ? { ...now, status: 'paused' } : undefined,
  );
}

/**
 * Removes a container's record, log and name; anonymous volumes too where asked. Conflict for one that runs or is being started, unless `force`.
 * The snapshot is the caller's to remove afterwards.
 */
export async function removeContainer(
  root: string,
  container: Container,
  { force = false, volumes = false }: { force?: boolean; volumes?: boolean } = {},
): Promise<void> {
  const { folder, id } = container;
  do {
    const { status } = stateOf(folder, id);
    if (force && isActive({ state: { status } }))
      await stopContainer(root, container, { timeout: 0, signal: 'SIGKILL' });
    else if (status === 'restarting') await stopContainer(root, container);
  } while (!discardIdle(root, container, force));
  await deleteFromRuntime(root, id);
  if (volumes || container.autoRemove) await removeAnonymousVolumes(root, container);
}

/** Removes the record while nobody can start the container. False where it runs by now and is to be stopped first. */
function discardIdle(root: string, container: Container, force: boolean): boolean {
  const { folder, id, name } = container;
  try {
    return withStateLock(folder, () => {
      const state = stateOf(folder, id);
      if (isActive({ state })) {
        if (force) return false;
        throw new EngineError('Conflict', `container ${name} is running; stop it first, or use force`);
      }
      if (!force && isStarting(state) && state.watcher?.pid !== process.pid)
        throw new EngineError('Conflict', `container ${name} is being started; stop it first, or use force`);
      discardContainer(root, container);
      return true;
    });
  } catch (error) {
    if (hasCode(error, 'NotFound')) return true; // gone already, with its run
    throw error;
  }
}

/** The state of a container that has processes; Conflict for any other. */
export function requireRunning({ folder, id, name }: Container): ContainerState {
  const state = stateOf(folder, id);
  if (state.status === 'running' || state.status === 'paused') return state;
  throw new EngineError('Conflict', `container ${name} is not running`);
}

/** Runs a verb of the OCI runtime on a container. */
export async function runtimeVerb(
  root: string,
  { id, name }: Container,
  verb: string,
  args: readonly string[] = [],
): Promise<string> {
  const runtime = await probeRuntime(root);
  const { code, stdout, stderr } = await runInNamespace([
    runtime.path,
    ...runtimeArguments(root, runtime),
    verb,
    ...args,
    id,
  ]);
  if (code !== 0)
    throw new EngineError('Internal', `${runtime.name} can't ${verb} container ${name}: ${stderr.trim()}`);
  return stdout;
}

function markStopped({ folder }: Container): void {
  changeState(folder, (now) => ({ ...now, stopped: true }));
}

async function send(root: string, container: Container, state: ContainerState, signal: number): Promise<void> {
  const pid = state.pid > 0 ? state.pid : await startingPid(container);
  if (pid === 0) return; // it has just ended
  try {
    process.kill(pid, signal);
    if (signal === SIGKILL && state.status === 'paused') await runtimeVerb(root, container, 'resume').catch(() => {});
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/** A foreground container says that it runs a moment before its process is there. */
async function startingPid({ folder, id }: Container): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const { status, pid } = stateOf(folder, id);
    if (status !== 'running' || pid > 0) return pid;
    await sleep(10);
  }
  return 0;
}

async function endsWithin(root: string, container: Container, patience: number): Promise<boolean> {
  const deadline = Date.now() + patience;
  for (;;) {
    const now = readContainer(root, container.id);
    if (!now) return true;
    if (now.state.status !== 'running' && now.state.status !== 'paused') {
      await reapContainer(root, now);
      return true;
    }
    const left = deadline - Date.now();
    if (left <= 0) return false;
    await changedFolder(now.folder, Math.min(left, 250));
  }
}

async function changedFolder(folder: string, timeout: number, signal?: AbortSignal): Promise<void> {
  try {
    await changed(folder, timeout, signal);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error; // removed: the next look says so
  }
}
