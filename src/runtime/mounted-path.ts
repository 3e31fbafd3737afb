import { readlinkSync, type Stats, statSync } from 'node:fs';
import { EngineError, hasCode, isErrno } from '../std/index.ts';
import { componentsOf, descriptorPath, MOST_LINKS, resolveInRoot } from './root-walk.ts';
import type { SpecMount } from './spec-types.ts';

/** What a path means in a container that is not there yet. */
export interface MountedPath {
  /** With every link resolved, absolute. */
  readonly path: string;
  /** What is mounted there; undefined in the root file system itself. */
  readonly mount: SpecMount | undefined;
  /** Undefined where there is nothing yet, or nothing that can be seen before the container runs: in /proc, in a tmpfs. */
  readonly stats: Stats | undefined;
}

/**
 * Finds `path` as a process of the container will: in the root file system `rootfs`, and where something of this machine is to be mounted, in
 * that; links lead from one to the other and never out. `mounts` name their destinations without links.
 */
export function resolveAcrossMounts(rootfs: number, mounts: readonly SpecMount[], path: string): MountedPath {
  const rest = componentsOf(path);
  let at: string[] = [];
  for (let links = 0; ; ) {
    const name = rest.pop();
    if (name === undefined) {
      const here = `/${at.join('/')}`;
      return { path: here, mount: mountAt(mounts, here), stats: look(rootfs, mounts, at).stats };
    }
    if (name === '..') {
      at.pop();
      continue;
    }
    const found = look(rootfs, mounts, [...at, name]);
    if (found.link === undefined) {
      at.push(name);
      continue;
    }
    if (++links > MOST_LINKS) throw new EngineError('InvalidArgument', `too many symbolic links in ${path}`);
    if (found.link.startsWith('/')) at = [];
    rest.push(...componentsOf(found.link));
  }
}

/** What a path without links, but for its last name, is; for a link where it leads. */
function look(
  rootfs: number,
  mounts: readonly SpecMount[],
  parts: readonly string[],
): { stats?: Stats | undefined; link?: string } {
  const path = `/${parts.join('/')}`;
  const mount = mountAt(mounts, path);
  if (mount && mount.type !== 'bind') return {};
  if (mount?.destination === path) return { stats: statSync(mount.source, { throwIfNoEntry: false }) };
  try {
    const below = mount ? path.slice(mount.destination.length) : path;
    using found = resolveInRoot(mount ? mount.source : rootfs, below, { follow: false });
    if (!found.stats?.isSymbolicLink()) return { stats: found.stats };
    return { link: readlinkSync(descriptorPath(found.directory, found.name)) };
  } catch (error) {
    // Nothing there, or a file where a folder should be.
    if (hasCode(error, 'NotFound') || hasCode(error, 'InvalidArgument') || isErrno(error, 'ENOENT', 'ENOTDIR'))
      return {};
    throw error;
  }
}

function mountAt(mounts: readonly SpecMount[], path: string): SpecMount | undefined {
  let best: SpecMount | undefined;
  for (const mount of mounts) {
    const covers = path === mount.destination || path.startsWith(`${mount.destination}/`);
    if (covers && mount.destination.length >= (best?.destination.length ?? 0)) best = mount; // the last one lies on top
  }
  return best;
}
