import { closeSync, existsSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';
import type { Container, ContainerState } from './container.ts';
import { containerEvent } from './container-event.ts';
import { changeState, exitOf, isUnfinished, recordedState } from './container-state.ts';
import { listContainers } from './find-container.ts';
import { bundleOf, runFolder } from './folders.ts';
import { runInNamespace } from './namespace-command.ts';
import { probeRuntime, runtimeArguments } from './oci-runtime.ts';
import { discardContainer } from './remove-container.ts';
import { removeAnonymousVolumes } from './volumes.ts';

/** How a container ended. */
export interface Ending {
  /** 128 + n for the end by signal n. */
  readonly exitCode: number;
  readonly finishedAt?: string;
  readonly oomKilled?: boolean;
  /** Why it never started. */
  readonly error?: string;
}

/** After so long whoever claimed the finishing is taken for dead. */
const STALE = 10_000;
const KILLED = 128 + 9;

/**
 * Does once what a container's end asks for: its state, the event, its removal where that was asked. Of several who come at once one does it;
 * false for the others.
 */
export function finishContainer(root: string, container: Container, ending: Ending): boolean {
  const { folder } = container;
  if (!claimFinish(folder)) return false;
  const before = container.autoRemove
    ? recordedState(folder) // its folder goes in a moment
    : changeState(folder, (now) => endedState(folder, now, ending));
  rmSync(join(bundleOf(folder), 'pid'), { force: true });
  if (before.startedAt !== undefined && ending.error === undefined)
    containerEvent(root, container, 'die', { exitCode: String(ending.exitCode) });
  if (container.autoRemove) discardContainer(root, container);
  else rmSync(finishMark(folder), { force: true });
  return true;
}

/**
 * Finishes containers that say "running" while their processes are gone: their command was killed, or the machine was. Safe to call at any
 * time, by any number of processes. Returns those that it finished, so that the caller can remove the snapshots of what went with its run.
 */
export async function reapContainers(root: string): Promise<Container[]> {
  const reaped: Container[] = [];
  for (const container of await listContainers(root)) if (await reapContainer(root, container)) reaped.push(container);
  return reaped;
}

/** {@link reapContainers} for one. */
export async function reapContainer(root: string, container: Container): Promise<boolean> {
  if (!isUnfinished(container)) return false;
  await deleteFromRuntime(root, container.id);
  if (!isUnfinished(container)) return false; // finished, or started again, meanwhile
  if (!finishContainer(root, container, exitOf(container.folder, container.id))) return false;
  if (container.autoRemove) await removeAnonymousVolumes(root, container);
  return true;
}

/** Takes away what the OCI runtime keeps of a container: its state, its cgroup, processes that outlived the first one. */
export async function deleteFromRuntime(root: string, id: string): Promise<void> {
  rmSync(join(runFolder(root), 's', id), { force: true });
  const kept = ['crun', 'runc'].some((name) => existsSync(join(runFolder(root), name, id)));
  if (!kept) return;
  const runtime = await probeRuntime(root);
  await runInNamespace([runtime.path, ...runtimeArguments(root, runtime), 'delete', '-f', id]);
}

function endedState(
  folder: string,
  before: ContainerState,
  { exitCode, finishedAt, oomKilled, error }: Ending,
): ContainerState {
  const { startTime: _, holder: __, watcher: ___, error: ____, ...rest } = before;
  const startFailed = error !== undefined;
  return {
    ...rest,
    status: startFailed && before.startedAt === undefined ? 'created' : 'exited',
    pid: 0,
    exitCode,
    finishedAt: finishedAt ?? new Date().toISOString(),
    oomKilled: oomKilled ?? (exitCode === KILLED && existsSync(join(bundleOf(folder), 'oom'))),
    ...(error !== undefined && { error }),
  };
}

/** Before a start: whatever earlier ends left is void. */
export function clearFinish(folder: string): void {
  rmSync(finishMark(folder), { force: true });
}

function finishMark(folder: string): string {
  return join(bundleOf(folder), 'finishing');
}

function claimFinish(folder: string): boolean {
  const mark = finishMark(folder);
  for (let attempt = 0; ; attempt++) {
    try {
      closeSync(openSync(mark, 'wx', 0o600));
      return true;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false; // removed meanwhile
      if (!isErrno(error, 'EEXIST')) throw error;
      const age = Date.now() - (statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      if (age < STALE || attempt > 0) return false;
      rmSync(mark, { force: true });
    }
  }
}
