import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, randomHex, syncFolder, writeFileAtomic } from '../std/index.ts';
import type { Container, ContainerRecord, ProcessIdentity } from './container.ts';
import { containerEvent } from './container-event.ts';
import { claimName, releaseName } from './container-names.ts';
import { CREATED, containerFrom } from './container-state.ts';
import { containerFolder, containersFolder, rootfsOf } from './folders.ts';
import { mergeOptions } from './merge-options.ts';
import { hostsFile, resolvConf } from './network-files.ts';
import type { CreateOptions, MountOption } from './options.ts';
import { identify } from './process-identity.ts';

/** 64 hexadecimal digits, as docker's. */
export function newContainerID(): string {
  return randomHex(32);
}

/**
 * Records a container: its folder appears whole, under its name, or not at all. The snapshot is the caller's to prepare. Throws
 * InvalidArgument for options that no container can have, AlreadyExists for a taken name.
 */
export async function createContainer(root: string, options: CreateOptions): Promise<Container> {
  const id = options.id ?? newContainerID();
  if (!/^[0-9a-f]{64}$/.test(id)) throw new EngineError('InvalidArgument', `invalid container id ${id}`);
  const merged = mergeOptions(id, options);
  requireSources(merged.mounts);
  const folder = containerFolder(root, id);
  const aside = join(containersFolder(root), `.new-${id}`);
  mkdirSync(rootfsOf(aside), { recursive: true, mode: 0o700 });
  let name: string | undefined;
  try {
    name = claimName(root, id, options.name);
    const record: ContainerRecord = { ...merged, id, name };
    await writeFiles(aside, record, options.starting ? identify(process.pid) : undefined);
    renameSync(aside, folder);
    if (!record.autoRemove) await syncFolder(containersFolder(root));
    containerEvent(root, record, 'create');
    return containerFrom(record, folder);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (name !== undefined) releaseName(root, id, name);
    throw error;
  }
}

/** Docker looks for what `--mount` binds when the container is made; what `-v` misses is made when it starts. */
function requireSources(mounts: readonly MountOption[]): void {
  for (const mount of mounts)
    if (mount.type === 'bind' && !mount.createSource && !existsSync(mount.source))
      throw new EngineError('InvalidArgument', `no such file or directory on this machine to mount: ${mount.source}`);
}

async function writeFiles(folder: string, record: ContainerRecord, watcher?: ProcessIdentity): Promise<void> {
  const config = `${JSON.stringify(record)}\n`;
  // What goes with its run need not survive the machine.
  if (record.autoRemove) writeFileSync(join(folder, 'config.json'), config, { mode: 0o600 });
  else await writeFileAtomic(join(folder, 'config.json'), config);
  writeFileSync(join(folder, 'state.json'), `${JSON.stringify({ ...CREATED, ...(watcher && { watcher }) })}\n`, {
    mode: 0o600,
  });
  writeFileSync(join(folder, 'hostname'), `${record.hostname}\n`, { mode: 0o644 });
  writeFileSync(join(folder, 'hosts'), hostsFile(record), { mode: 0o644 });
  writeFileSync(join(folder, 'resolv.conf'), resolvConf(), { mode: 0o644 });
  writeFileSync(join(folder, 'lock'), '', { mode: 0o600 });
}
