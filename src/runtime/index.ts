export { renameContainer, updateContainer } from './amend-container.ts';
export { type AppArmorStatus, appArmorStatus } from './apparmor.ts';
export { type Attachment, type AttachOptions, attachContainer, resizeContainer } from './attach.ts';
export {
  type Container,
  type ContainerRecord,
  type ContainerState,
  type ContainerStatus,
  isActive,
  type ProcessIdentity,
} from './container.ts';
export { containerEvent } from './container-event.ts';
export { containerExited, type ExitActions } from './container-exit.ts';
export { isStarting } from './container-state.ts';
export {
  killContainer,
  pauseContainer,
  removeContainer,
  stopContainer,
  unpauseContainer,
  waitContainer,
} from './control.ts';
export { copyFromRoot, copyToRoot, liveRootOf, type PathStat, statInRoot } from './copy.ts';
export { createContainer, newContainerID } from './create-container.ts';
export { type DetachedOptions, isAttachable, StartError, startDetached } from './detached.ts';
export { appendEvent, type EventQuery, type JournalEvent, readEvents } from './events.ts';
export { type ExecOptions, execDetached, execInContainer } from './exec.ts';
export { expediteCgroups } from './expedite.ts';
export { getContainer, listContainers, requireContainer } from './find-container.ts';
export { reapContainer, reapContainers } from './finish.ts';
export { logOf, rootfsOf } from './folders.ts';
export { monitorHealth } from './health.ts';
export { type Health, type HealthProbe, type HealthStatus, healthOf, healthPlan } from './health-record.ts';
export type { MountableSnapshot } from './launch.ts';
export type { OutputStream } from './log-writer.ts';
export { type LogLine, type LogOptions, readLogs } from './logs.ts';
export { type OciRuntime, probeRuntime } from './oci-runtime.ts';
export { openFiles } from './open-files.ts';
export type {
  CreateOptions,
  DeviceRecord,
  Healthcheck,
  MountOption,
  NetworkMode,
  Resources,
  RestartPolicy,
  SecurityOptions,
  Ulimit,
} from './options.ts';
export { madePaths } from './prepare-start.ts';
export { type Resolved, resolveInRoot } from './root-walk.ts';
export { type RunResult, runForeground } from './run.ts';
export { hasSelinux } from './selinux.ts';
export { parseSignal } from './signals.ts';
export { createSpec, type SpecSurroundings } from './spec.ts';
export type { Spec } from './spec-types.ts';
export { type ContainerStats, watchStats } from './stats.ts';
export type { RunStreams } from './streams.ts';
export { type ProcessTable, topContainer } from './top.ts';
export { type ContainerUser, resolveUser } from './user.ts';
export {
  createVolume,
  getVolume,
  listVolumes,
  pruneVolumes,
  removeVolume,
  requireVolume,
  type Volume,
} from './volumes.ts';
