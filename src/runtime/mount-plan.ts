import { closeSync, constants, mkdirSync, openSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno } from '../std/index.ts';
import type { Container } from './container.ts';
import type { MountOption } from './options.ts';
import { descriptorPath, makeDirectoryInRoot, resolveInRoot } from './root-walk.ts';
import type { SpecMount } from './spec-types.ts';

/** Places that belong to the runtime: a link there would send its mounts elsewhere in the image (CVE-2026-41579, CVE-2025-31133). */
const KERNEL_PLACES = ['/proc', '/sys', '/dev'];

/** A volume or a tmpfs or a bind, with the host path that a volume's name stands for. */
export type PlacedMount = MountOption & { readonly hostPath?: string };

/**
 * The mounts of a container in the order in which they are made, each target with its links resolved inside `rootfs`, its mount point
 * there. `made` hears of every path that had to be made. Throws InvalidArgument where the image or a target leaves no safe place.
 */
export function planMounts(
  container: Container,
  { rootfs, mounts, made }: { rootfs: number; mounts: readonly PlacedMount[]; made: (path: string) => void },
): SpecMount[] {
  for (const place of KERNEL_PLACES) requirePlainDirectory(rootfs, place, made);
  const own = kernelMounts(container);
  const files = ownFiles(container, mounts);
  const placed = [...mounts, ...files].sort((a, b) => depth(a.target) - depth(b.target));
  const planned: SpecMount[] = [...own];
  for (const mount of placed) {
    const destination = place(mount, { rootfs, planned, made });
    if (mount.type === 'tmpfs') remove(planned, destination); // `--tmpfs /dev/shm` instead of ours
    planned.push(specMount(mount, destination));
  }
  return planned;
}

/** /proc, /dev and /sys as docker mounts them. */
function kernelMounts({ security, shmSize, ipc }: Container): SpecMount[] {
  const access = security.privileged ? 'rw' : 'ro';
  const guarded = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: guarded },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...guarded, access] },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...guarded, 'relatime', access] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: guarded },
    ipc === 'host'
      ? { destination: '/dev/shm', type: 'bind', source: '/dev/shm', options: ['rbind'] }
      : {
          destination: '/dev/shm',
          type: 'tmpfs',
          source: 'shm',
          options: [...guarded, 'mode=1777', `size=${shmSize}`],
        },
  ];
}

/** The names and addresses that are the container's own, in its folder and in its /etc. */
export const OWN_FILES: readonly string[] = ['hostname', 'hosts', 'resolv.conf'];

/** {@link OWN_FILES}, where nobody mounts another file. */
function ownFiles({ folder }: Container, mounts: readonly PlacedMount[]): PlacedMount[] {
  return OWN_FILES.filter((name) => !mounts.some(({ target }) => target === `/etc/${name}`)).map((name) => ({
    type: 'bind',
    source: join(folder, name),
    target: `/etc/${name}`,
  }));
}

function place(
  mount: PlacedMount,
  { rootfs, planned, made }: { rootfs: number; planned: readonly SpecMount[]; made: (path: string) => void },
): string {
  const source = mount.type === 'tmpfs' ? undefined : sourceOf(mount);
  const isFile = source !== undefined && !source.isDirectory();
  // Below another mount only the runtime can make it: what is there now is not what will be.
  if (isBelow(mount.target, planned)) return requirePlace(mount.target);
  for (let attempt = 0; ; attempt++) {
    using found = resolveInRoot(rootfs, mount.target, { create: true });
    const path = requirePlace(found.path);
    if (isBelow(path, planned)) return path;
    if (found.fd >= 0) {
      if (isFile === (found.stats?.isDirectory() ?? false))
        throw new EngineError(
          'InvalidArgument',
          `can't mount ${isFile ? 'a file' : 'a directory'} over ${path}: the image has ${isFile ? 'a directory' : 'a file'} there`,
        );
      return path;
    }
    if (attempt > 3) throw new EngineError('Conflict', `${path} changes while it is made`);
    if (isFile) makeFile(found.directory, found.name);
    else makeDirectoryInRoot(rootfs, path)[Symbol.dispose]();
    made(path);
  }
}

function requirePlainDirectory(rootfs: number, path: string, made: (path: string) => void): void {
  using found = resolveInRoot(rootfs, path, { follow: false });
  if (found.stats?.isDirectory()) return;
  if (found.stats)
    throw new EngineError(
      'InvalidArgument',
      `the image has ${path} as ${found.stats.isSymbolicLink() ? 'a symbolic link' : 'a file'}: nothing can be mounted there safely`,
    );
  makeDirectoryInRoot(rootfs, path, { made })[Symbol.dispose]();
}

function requirePlace(path: string): string {
  if (path === '/' || path === '/proc' || path.startsWith('/proc/') || path === '/sys' || path === '/dev')
    throw new EngineError('InvalidArgument', `nothing can be mounted at ${path} of a container`);
  return path;
}

function isBelow(path: string, planned: readonly SpecMount[]): boolean {
  return planned.some(({ destination }) => path.startsWith(`${destination}/`));
}

function remove(planned: SpecMount[], destination: string): void {
  const at = planned.findIndex((mount) => mount.destination === destination);
  if (at >= 0) planned.splice(at, 1);
}

/** What is mounted. A missing source of `-v` is made, as docker does; one of `--mount` is an error. */
function sourceOf(mount: PlacedMount & { type: 'bind' | 'volume' }): Stats {
  const path = hostPathOf(mount);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats) return stats;
  if (mount.type === 'bind' && mount.createSource) {
    makeFolders(path);
    return statSync(path);
  }
  throw new EngineError('InvalidArgument', `no such file or directory on this machine to mount: ${path}`);
}

/** With its parents, one by one: Node's recursive mkdir never ends below /proc, which says ENOENT to it (Node 24). */
function makeFolders(path: string): void {
  const parts = path.split('/').filter((part) => part !== '');
  for (let count = 1; count <= parts.length; count++) {
    const folder = `/${parts.slice(0, count).join('/')}`;
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    try {
      mkdirSync(folder, { mode: 0o755 });
    } catch (cause) {
      if (isErrno(cause, 'EEXIST') && statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
      throw new EngineError('InvalidArgument', `can't make ${folder} on this machine to mount it`, { cause });
    }
  }
}

/** What is mounted, on this machine. */
export function hostPathOf(mount: PlacedMount & { type: 'bind' | 'volume' }): string {
  const path = mount.type === 'bind' ? mount.source : mount.hostPath;
  if (path === undefined) throw new EngineError('Internal', `the volume at ${mount.target} has no place yet`);
  if (!path.startsWith('/'))
    throw new EngineError('InvalidArgument', `the source of a mount must be an absolute path: ${path}`);
  return path;
}

function specMount(mount: PlacedMount, destination: string): SpecMount {
  if (mount.type === 'tmpfs') {
    const options = mount.options ?? [];
    return {
      destination,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', ...(options.includes('exec') ? [] : ['noexec']), ...options],
    };
  }
  const propagation = (mount.type === 'bind' && mount.propagation) || 'rprivate';
  const recursive = mount.type !== 'bind' || mount.recursive !== false;
  return {
    destination,
    type: 'bind',
    source: hostPathOf(mount),
    options: [recursive ? 'rbind' : 'bind', mount.readOnly ? 'ro' : 'rw', propagation],
  };
}

function makeFile(directory: number, name: string): void {
  try {
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_WRONLY;
    closeSync(openSync(descriptorPath(directory, name), flags, 0o644));
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

function depth(path: string): number {
  return path.split('/').length;
}
