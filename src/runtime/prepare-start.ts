import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, hasCode } from '../std/index.ts';
import { apparmorProfile } from './apparmor.ts';
import { type Container, type ContainerState, isActive } from './container.ts';
import { containerEvent } from './container-event.ts';
import { changeState, isStarting, recordedState, stateOf } from './container-state.ts';
import { placeMounts } from './fill-volume.ts';
import { clearFinish } from './finish.ts';
import { bundleOf } from './folders.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { identify } from './process-identity.ts';
import { readRecord, readText, replaceRecord } from './record-file.ts';
import { labelFiles } from './relabel.ts';
import { withCompiledSeccomp } from './seccomp-cache.ts';
import { selinuxLabels } from './selinux.ts';
import { createSpec } from './spec.ts';

/** Throws Conflict for a container that runs, or is on its way. */
export function requireStartable({ name, state }: Container): void {
  if (state.status === 'running' || state.status === 'paused')
    throw new EngineError('Conflict', `container ${name} is running already`);
}

/**
 * Says that this process is about to start the container, so that nobody takes it away meanwhile. Disposing takes it back where the start failed.
 * Conflict where the container runs, or somebody else starts it.
 */
export function announceStart(container: Container): Disposable {
  const { folder, id, name } = container;
  const own = identify(process.pid);
  changeState(folder, () => {
    const state = stateOf(folder, id);
    requireStartable({ ...container, state });
    if (state.watcher?.pid === own?.pid) return undefined;
    if (isStarting(state)) throw new EngineError('Conflict', `container ${name} is started by another command already`);
    return { ...state, ...(own && { watcher: own }) };
  });
  return {
    [Symbol.dispose]() {
      if (isOurs(recordedState(folder))) withdrawStart(folder);
    },
  };
}

function withdrawStart(folder: string): void {
  try {
    changeState(folder, (now) => {
      const { watcher: _, ...rest } = now;
      return isOurs(now) ? rest : undefined;
    });
  } catch (error) {
    if (!hasCode(error, 'NotFound')) throw error; // removed: there is nothing to take back
  }
}

function isOurs(state: ContainerState): boolean {
  return state.watcher?.pid === process.pid && !isActive({ state });
}

/** Writes the bundle's config.json, and makes in the mounted root file system what it speaks of. */
export async function prepareBundle(
  root: string,
  container: Container,
  runtime: OciRuntime,
  rootfs: number,
): Promise<void> {
  const bundle = bundleOf(container.folder);
  const made: string[] = [];
  const mounts = await placeMounts(root, container, rootfs);
  const selinux = selinuxLabels(container);
  const spec = createSpec(container, {
    rootfs,
    mounts,
    apparmor: await apparmorProfile(root, container.security),
    selinux,
    unifiedCgroups: hasUnifiedCgroups(),
    made: (path) => made.push(path),
  });
  if (selinux) labelFiles(container, { rootfs, mounts, labels: selinux });
  const compiled = await withCompiledSeccomp(root, runtime, spec);
  for (const name of ['runtime.log', 'pid', container.id, 'oom']) rmSync(join(bundle, name), { force: true });
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(compiled), { mode: 0o600 });
  if (made.length > 0) replaceRecord(madeFile(container), [...new Set([...madePaths(container), ...made])]);
}

/** Paths in the container's files that no program of it made: mount points, the working directory. A diff leaves them out. */
export function madePaths(container: Container): readonly string[] {
  return readRecord<string[]>(madeFile(container)) ?? [];
}

/** Records that the container runs from now on. Conflict for a restart by policy where somebody stopped the container meanwhile. */
export function recordStart(
  root: string,
  container: Container,
  running: Pick<ContainerState, 'monitored' | 'holder' | 'watcher' | 'startTime' | 'backoff'> & {
    readonly pid?: number;
    readonly restarts?: number;
  },
): void {
  const { folder, name } = container;
  clearFinish(folder);
  changeState(folder, ({ status, restarts }) => {
    if (running.restarts && status !== 'restarting')
      throw new EngineError('Conflict', `container ${name} was stopped before its restart`);
    return {
      status: 'running',
      pid: 0,
      exitCode: 0,
      oomKilled: false,
      startedAt: new Date().toISOString(),
      restarts,
      ...running,
    };
  });
  containerEvent(root, container, 'start');
}

function madeFile({ folder }: Container): string {
  return join(folder, 'made.json');
}

/** cgroup v2 and nothing else: cgroups(7). */
export function hasUnifiedCgroups(): boolean {
  return readText('/sys/fs/cgroup/cgroup.controllers') !== undefined;
}
