import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';
import { cgroupOf } from './folders.ts';

/** Where processes and cgroups are found. */
export interface CgroupHost {
  readonly proc: string;
  readonly mount: string;
}

const CGROUP_HOST: CgroupHost = { proc: '/proc', mount: '/sys/fs/cgroup' };

/**
 * Reads files of a container's cgroups, whichever hierarchies this machine uses: cgroups(7). A process of it may have moved itself into a cgroup
 * below; what is read is of the whole container.
 */
export class CgroupReader {
  /** Folder of each v1 controller. */
  readonly #folders = new Map<string, string>();
  /** Folder in the v2 hierarchy where that is the only one. */
  readonly unified: string | undefined;

  constructor(pid: number, id: string, { proc, mount }: CgroupHost = CGROUP_HOST) {
    const lines = readFileSync(join(proc, String(pid), 'cgroup'), 'latin1')
      .trim()
      .split('\n');
    let unified: string | undefined;
    for (const line of lines) {
      const [number, controllers = '', ...rest] = line.split(':');
      const path = wholeContainer(rest.join(':'), id);
      if (number === '0') unified = join(mount, path);
      else
        for (const controller of controllers.split(','))
          this.#folders.set(controller, join(mount, controllers.replace(/^name=/, ''), path));
    }
    this.unified = this.#folders.has('memory') || this.#folders.has('cpuacct') ? undefined : unified;
  }

  /** Text of a v1 file. */
  v1(controller: string, name: string): string | undefined {
    const folder = this.#folders.get(controller);
    return folder === undefined ? undefined : read(join(folder, name));
  }

  /** Text of a v2 file. */
  v2(name: string): string | undefined {
    return this.unified === undefined ? undefined : read(join(this.unified, name));
  }

  /** Every process in the container's cgroup and those below it. */
  processes(): number[] {
    const folder = this.unified ?? this.#folders.get('pids') ?? this.#folders.get('freezer');
    return folder === undefined ? [] : processesBelow(folder);
  }
}

function wholeContainer(path: string, id: string): string {
  const own = cgroupOf(id);
  const at = path.indexOf(`${own}/`);
  return at < 0 ? path : path.slice(0, at + own.length);
}

function processesBelow(folder: string): number[] {
  const here = (read(join(folder, 'cgroup.procs')) ?? '').split('\n').filter(Boolean).map(Number);
  const below = foldersIn(folder).flatMap((name) => processesBelow(join(folder, name)));
  return [...here, ...below];
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []; // ended meanwhile
    throw error;
  }
}

/** `name value` lines. */
export function keyed(text: string | undefined): Map<string, number> {
  const pairs = (text ?? '').split('\n').map((line) => line.split(' '));
  return new Map(
    pairs.flatMap(([name, value]) => (name && value !== undefined ? [[name, Number(value)] as const] : [])),
  );
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP', 'EINVAL')) return undefined;
    throw error;
  }
}
