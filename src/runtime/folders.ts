import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { shortHash } from './short-hash.ts';

/** Where the state of containers lies below a state folder: see "State on disk" in ARCHITECTURE.md. */
export function containersFolder(root: string): string {
  return join(root, 'containers');
}

export function containerFolder(root: string, id: string): string {
  return join(root, 'containers', id);
}

/** What the OCI runtime calls the bundle: its config.json, the mount point `rootfs`, pid files, conmon's sockets. */
export function bundleOf(folder: string): string {
  return join(folder, 'bundle');
}

/** Target of the root file system's mount, in the container's own mount namespace alone. */
export function rootfsOf(folder: string): string {
  return join(folder, 'bundle', 'rootfs');
}

export function logOf(folder: string): string {
  return join(folder, 'log');
}

/**
 * What does not outlive the machine's run: the OCI runtime's own state, sockets. Short, because a socket's path holds 107 bytes
 * (unix(7)), and one for each state folder, so that two of them never meet.
 */
export function runFolder(root: string): string {
  const base =
    process.getuid?.() === 0
      ? '/run'
      : (process.env['XDG_RUNTIME_DIR'] ?? `/tmp/overstrata-${process.getuid?.() ?? 0}`);
  return join(base, 'overstrata', shortHash(realRoot(root)));
}

/** Parent of every container's cgroup. */
export const CGROUP_PARENT = '/overstrata';

export function cgroupOf(id: string): string {
  return `${CGROUP_PARENT}/${id}`;
}

function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch {
    return resolve(root);
  }
}
