import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../std/index.ts';

/** Where programs of this machine are looked for: never in what a caller's PATH, or an image, says. */
const FOLDERS = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/libexec/podman',
  '/usr/lib/podman',
  '/run/current-system/sw/bin',
];

/** All the environment that a program started here gets. */
export const CLEAN_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

const found = new Map<string, string | undefined>();

/** Absolute path of a program of this machine. */
export function findProgram(name: string): string | undefined {
  if (!found.has(name)) found.set(name, FOLDERS.map((folder) => join(folder, name)).find(isExecutable));
  return found.get(name);
}

export function requireProgram(name: string, debianPackage: string): string {
  const path = findProgram(name);
  if (path === undefined)
    throw new EngineError(
      'Unavailable',
      `${name} is missing on this machine; install it: apt-get install ${debianPackage}`,
    );
  return path;
}

/** Small programs to work in namespaces with. */
export interface ShellCommands {
  readonly nsenter: readonly string[];
  readonly unshare: readonly string[];
  readonly shell: readonly string[];
}

/** busybox, whose one small binary saves an exec and a dynamic link per step; else what util-linux brings. */
export function shellCommand(): ShellCommands {
  const busybox = findProgram('busybox');
  if (busybox !== undefined)
    return { nsenter: [busybox, 'nsenter'], unshare: [busybox, 'unshare'], shell: [busybox, 'sh'] };
  return {
    nsenter: [requireProgram('nsenter', 'util-linux')],
    unshare: [requireProgram('unshare', 'util-linux')],
    shell: [requireProgram('sh', 'dash')],
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
