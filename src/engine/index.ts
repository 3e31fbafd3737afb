export { attach } from './attach.ts';
export { type BuildProgress, type BuildSettings, type Built, build, checkBuild } from './build.ts';
export {
  type BuildCacheItem,
  buildCacheUsage,
  buildHistory,
  findBuild,
  type PruneBuildCacheOptions,
  pruneBuildCache,
} from './build-cache.ts';
export { type BuildOutput, parseOutput } from './build-output.ts';
export { buildRecipe } from './build-recipe.ts';
export { type CheckEvent, check } from './check.ts';
export { type CommitContainerOptions, commit } from './commit.ts';
export { type CopyImageOptions, copy } from './copy.ts';
export { copyIn, copyOut, readFromContainer, writeToContainer } from './cp.ts';
export { type CreateSettings, create } from './create.ts';
export { diff } from './diff.ts';
export { type ContainerUsage, type DiskUsage, diskUsage, type ImageUsage } from './disk-usage.ts';
export { type Engine, openEngine } from './engine.ts';
export { ensureImage, type PullPolicy } from './ensure-image.ts';
export { events } from './events.ts';
export { exec, execInBackground } from './exec.ts';
export { exportContainer } from './export-container.ts';
export { type ImageFiles, imageTables, openImageFiles } from './image-files.ts';
export { type ImportOptions, type ImportProgress, importImage } from './import-image.ts';
export { type IndexedImage, indexImage, indexRemoteImage } from './index-image.ts';
export { type Info, info } from './info.ts';
export { type InspectOptions, inspectAny } from './inspect.ts';
export { inspectRemote, type RemoteInspection } from './inspect-remote.ts';
export { kill, pause, reap, rename, restart, type StopOptions, stop, unpause, update, wait } from './lifecycle.ts';
export { type ListedContainer, listAllContainers } from './list-containers.ts';
export { createdAt, type ListedImage, listImages } from './list-images.ts';
export { type LoadedImage, type LoadOptions, load } from './load.ts';
export { type Login, login, logout } from './login.ts';
export { logs } from './logs.ts';
export {
  annotateManifestList,
  createManifestList,
  inspectManifest,
  pushManifestList,
  removeManifestList,
} from './manifest-lists.ts';
export { mountImage, mountLazyImage, unmountImage } from './mount-image.ts';
export { monitorContainerHealth, stats, top } from './observe.ts';
export { defaultRoot, type EngineOptions } from './options.ts';
export { type Place, parsePlace } from './places.ts';
export { type Pruned, pruneContainers } from './prune-containers.ts';
export { type PrunedImages, type PruneImagesOptions, pruneImages } from './prune-images.ts';
export { type Pulled, type PullOptions, pull } from './pull.ts';
export { type Pushed, type PushOptions, push } from './push.ts';
export { type RemoveContainerOptions, removeContainer } from './remove-container.ts';
export { type RemovedImage, type RemoveImageOptions, removeImage } from './remove-image.ts';
export { type RunOptions, run } from './run.ts';
export { createLazy, type LazyContainer, runLazy } from './run-lazy.ts';
export { type SaveOptions, save } from './save.ts';
export { search } from './search.ts';
export { containerExit, start } from './start.ts';
export { tag } from './tag.ts';
export { listTags } from './tags.ts';
export { separateDirectories, type UnionDriver, type UniteOptions, uniteDirectories } from './union-mount.ts';
export { createVolume, inspectVolume, type ListedVolume, listVolumes, pruneVolumes, removeVolume } from './volumes.ts';
