import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, ContainerRecord, ContainerState } from './container.ts';
import { bundleOf } from './folders.ts';
import { identify, isAlive, isInContainer } from './process-identity.ts';
import { readRecord, readText, replaceRecord } from './record-file.ts';
import { withStateLock } from './state-lock.ts';

export const CREATED: ContainerState = {
  status: 'created',
  pid: 0,
  monitored: false,
  exitCode: 0,
  oomKilled: false,
  restarts: 0,
};

/** Exit code of a container that ended while nobody watched, as docker has it. */
export const UNKNOWN_EXIT = 255;

/** What `state.json` says, whatever became of the processes meanwhile. */
export function recordedState(folder: string): ContainerState {
  return readRecord<ContainerState>(join(folder, 'state.json')) ?? CREATED;
}

/**
 * Changes the recorded state as it is at that moment: nobody else's change is lost. Where `change` gives nothing it stays. Returns what it was.
 * NotFound where the container is gone.
 */
export function changeState(
  folder: string,
  change: (now: ContainerState) => ContainerState | undefined,
): ContainerState {
  return withStateLock(folder, () => {
    const before = recordedState(folder);
    const after = change(before);
    if (after) replaceRecord(join(folder, 'state.json'), after);
    return before;
  });
}

/** The state as the processes of this machine bear it out: one that says "running" of a process that is gone has ended. */
export function stateOf(folder: string, id: string): ContainerState {
  const state = recordedState(folder);
  if (state.status !== 'running' && state.status !== 'paused') return state;
  const init = initOf(folder, id, state);
  if (init) return { ...state, ...init };
  // It starts, or its end is being recorded.
  if ([state.holder, state.watcher].some((process) => process && isAlive(process))) return { ...state, pid: 0 };
  const { startTime: _, holder: __, watcher: ___, ...rest } = state;
  return { ...rest, status: 'exited', pid: 0, ...exitOf(folder, id) };
}

/** Whether `state.json` claims a process that is gone: nobody has finished this container yet. */
export function isUnfinished({ folder, id }: { folder: string; id: string }): boolean {
  const recorded = recordedState(folder);
  const claims = recorded.status === 'running' || recorded.status === 'paused';
  return claims && stateOf(folder, id).status === 'exited';
}

/** Whether a command is about to start this container, perhaps the one that made it. */
export function isStarting({ status, watcher }: ContainerState): boolean {
  return status !== 'running' && status !== 'paused' && watcher !== undefined && isAlive(watcher);
}

export function containerFrom(record: ContainerRecord, folder: string): Container {
  return { ...record, folder, state: stateOf(folder, record.id) };
}

/** What conmon left beside the container: how it ended, and when. */
export function exitOf(folder: string, id: string): { exitCode: number; finishedAt: string } {
  const path = join(bundleOf(folder), id);
  const text = readText(path);
  const code = text === undefined ? Number.NaN : Number.parseInt(text, 10);
  if (Number.isNaN(code)) return { exitCode: UNKNOWN_EXIT, finishedAt: new Date().toISOString() };
  return { exitCode: code, finishedAt: statSync(path).mtime.toISOString() };
}

/** The container's first process where it lives. A recorded pid is believed by its start time, one from the pid file by its cgroup. */
function initOf(folder: string, id: string, state: ContainerState): { pid: number; startTime: string } | undefined {
  if (state.pid > 0 && state.startTime !== undefined) {
    const identity = { pid: state.pid, startTime: state.startTime };
    return isAlive(identity) ? identity : undefined;
  }
  const pid = Number(readText(join(bundleOf(folder), 'pid')));
  if (!(pid > 0)) return undefined;
  const identity = identify(pid);
  return identity && isInContainer(pid, id) ? identity : undefined;
}
