export type { Container, ContainerRecord, ContainerState, ContainerStatus, DeviceRecord } from './container.ts';
export { isActive } from './container.ts';
export { containerExited, type ExitActions } from './container-exit.ts';
export {
  killContainer,
  pauseContainer,
  removeContainer,
  stopContainer,
  unpauseContainer,
  waitContainer,
} from './control.ts';
export { createContainer, newContainerID } from './create-container.ts';
export { type DetachedOptions, StartError, startDetached } from './detached.ts';
export { appendEvent, type EventQuery, type JournalEvent, readEvents } from './events.ts';
export { getContainer, listContainers, requireContainer } from './find-container.ts';
export { type Ending, reapContainer, reapContainers } from './finish.ts';
export { logOf, rootfsOf } from './folders.ts';
export type { MountableSnapshot } from './launch.ts';
export { type OciRuntime, probeRuntime } from './oci-runtime.ts';
export type {
  CreateOptions,
  Healthcheck,
  MountOption,
  NetworkMode,
  Resources,
  RestartPolicy,
  SecurityOptions,
  Ulimit,
} from './options.ts';
export { madePaths } from './prepare-start.ts';
export { discardContainer } from './remove-container.ts';
export { type Resolved, resolveInRoot } from './root-walk.ts';
export { type RunResult, runForeground } from './run.ts';
export { parseSignal } from './signals.ts';
export { createSpec, type SpecSurroundings } from './spec.ts';
export type { Spec } from './spec-types.ts';
export type { RunStreams } from './streams.ts';
export { type ContainerUser, resolveUser } from './user.ts';
export {
  createVolume,
  getVolume,
  listVolumes,
  pruneVolumes,
  removeAnonymousVolumes,
  removeVolume,
  requireVolume,
  type Volume,
} from './volumes.ts';
