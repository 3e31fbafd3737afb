import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { unmount } from '../linux/index.ts';
import { decodeName, EngineError, isErrno } from '../std/index.ts';

/** A line of `/proc/self/mountinfo`, proc_pid_mountinfo(5). */
export interface MountedAt {
  /** `major:minor` of its file system. */
  readonly device: string;
  /** What of its file system is mounted: the source of a bind mount, from the file system's own root. */
  readonly root: string;
  readonly target: string;
  readonly type: string;
  /** What was mounted, as its file system names it: a device, a dataset. */
  readonly source: string;
  /** Of the file system: `upperdir=…`. */
  readonly options: readonly string[];
}

/** What is mounted in this mount namespace; nothing where there is no `/proc`. */
export function listMounts(): MountedAt[] {
  let table: string;
  try {
    table = decodeName(readFileSync('/proc/self/mountinfo'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
  return table.split('\n').flatMap((line) => {
    const [mounted, system] = line.split(' - ');
    const [, , device, root, target] = mounted?.split(' ') ?? [];
    const [type, source, options] = system?.split(' ') ?? [];
    if (
      device === undefined ||
      root === undefined ||
      target === undefined ||
      type === undefined ||
      source === undefined ||
      options === undefined
    )
      return [];
    const told = { device, root: unescaped(root), target: unescaped(target), source: unescaped(source) };
    return [{ ...told, type, options: unescaped(options).split(',') }];
  });
}

/** The mount that `path` lies on, by its name. */
export function mountAround(path: string, mounts: readonly MountedAt[] = listMounts()): MountedAt | undefined {
  const holds = ({ target }: MountedAt): boolean => target === '/' || path === target || path.startsWith(`${target}/`);
  return mounts.findLast(
    (mount) => holds(mount) && mounts.every((m) => !holds(m) || m.target.length <= mount.target.length),
  );
}

/** Where the folder `path` is bind-mounted. A bind mount shows its source as its root, counted from the root of its file system. */
export function listBinds(path: string): MountedAt[] {
  const mounts = listMounts();
  const around = mountAround(path, mounts);
  if (!around) return [];
  const source = join(around.root, relative(around.target, path));
  return mounts.filter(({ device, root, target }) => device === around.device && root === source && target !== path);
}

/** Unmounts what a killed process left mounted of the snapshot `key`; Conflict where something uses it still. */
export function clearMounts(leftovers: readonly MountedAt[], key: string): void {
  for (const { target } of leftovers.toReversed()) {
    try {
      unmount(target);
    } catch (error) {
      if (!isErrno(error, 'EBUSY')) throw error;
      throw new EngineError('Conflict', `snapshot ${key} is mounted at ${target}, and something uses it there`, {
        cause: error,
      });
    }
  }
}

/** The kernel writes space, tab, newline, backslash and `#` as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
