import {
  type ContainerStats,
  monitorHealth,
  type ProcessTable,
  requireContainer,
  topContainer,
  watchStats,
} from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** What a running container uses, one sample after another. */
export function stats(
  { root }: Engine,
  name: string,
  options: { readonly interval?: number; readonly signal?: AbortSignal } = {},
): AsyncIterable<ContainerStats> {
  return watchStats(requireContainer(root, name), options);
}

/** Its processes, as the host's ps shows them. */
export async function top({ root }: Engine, name: string, psOptions?: readonly string[]): Promise<ProcessTable> {
  return topContainer(requireContainer(root, name), psOptions);
}

/** Runs the health checks of all containers until there are none to run. */
export async function monitorContainerHealth(
  { root }: Engine,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  await monitorHealth(root, options);
}
