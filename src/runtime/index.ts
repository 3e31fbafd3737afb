export type { Container, ContainerRecord, ContainerState, ContainerStatus, DeviceRecord } from './container.ts';
export { isActive } from './container.ts';
export { createContainer, newContainerID } from './create-container.ts';
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
export { type RunResult, type RunStreams, runForeground } from './run.ts';
export { parseSignal } from './signals.ts';
export { createSpec, type SpecSurroundings } from './spec.ts';
export type { Spec } from './spec-types.ts';
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
