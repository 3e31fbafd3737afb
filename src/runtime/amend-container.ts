import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, writeFileAtomic } from '../std/index.ts';
import type { Container, ContainerRecord } from './container.ts';
import { containerEvent } from './container-event.ts';
import { claimName, releaseName } from './container-names.ts';
import { stateOf } from './container-state.ts';
import { readContainer } from './find-container.ts';
import { bundleOf } from './folders.ts';
import { runInNamespace } from './namespace-command.ts';
import { probeRuntime, runtimeArguments } from './oci-runtime.ts';
import type { Resources, RestartPolicy } from './options.ts';
import { resourcesFor } from './resources.ts';

/** Gives a container another name; AlreadyExists where it is taken. */
export async function renameContainer(root: string, container: Container, name: string): Promise<Container> {
  if (name === container.name) throw new EngineError('InvalidArgument', `the container is called ${name} already`);
  claimName(root, container.id, name);
  try {
    await amend(container, { name });
  } catch (error) {
    releaseName(root, container.id, name);
    throw error;
  }
  releaseName(root, container.id, container.name);
  const renamed = again(root, container);
  containerEvent(root, renamed, 'rename', { oldName: `/${container.name}` });
  return renamed;
}

/** Changes a container's limits, at once where it runs, and its restart policy. */
export async function updateContainer(
  root: string,
  container: Container,
  { resources = {}, restart }: { resources?: Resources; restart?: RestartPolicy },
): Promise<Container> {
  if (container.autoRemove && restart && restart.name !== 'no')
    throw new EngineError(
      'InvalidArgument',
      `container ${container.name} goes with its end: it can't have a restart policy`,
    );
  const merged = { ...container.resources, ...resources };
  const limits = resourcesFor(merged);
  const { status } = stateOf(container.folder, container.id);
  if (Object.keys(resources).length > 0 && (status === 'running' || status === 'paused')) {
    const runtime = await probeRuntime(root);
    const file = join(bundleOf(container.folder), 'resources.json'); // crun can't read a pipe of ours
    const command = [runtime.path, ...runtimeArguments(root, runtime), 'update', '--resources', file, container.id];
    writeFileSync(file, JSON.stringify(limits), { mode: 0o600 });
    const { code, stderr } = await runInNamespace(command);
    rmSync(file, { force: true });
    if (code !== 0)
      throw new EngineError(
        'InvalidArgument',
        `can't change the limits of container ${container.name}: ${stderr.trim()}`,
      );
  }
  await amend(container, { resources: merged, ...(restart && { restart }) });
  const updated = again(root, container);
  containerEvent(root, updated, 'update');
  return updated;
}

async function amend(container: Container, changes: Partial<ContainerRecord>): Promise<void> {
  const { state: _, folder, ...record } = container;
  await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify({ ...record, ...changes })}\n`);
}

function again(root: string, { id, name }: Container): Container {
  const container = readContainer(root, id);
  if (!container) throw new EngineError('NotFound', `container ${name} was removed meanwhile`);
  return container;
}
