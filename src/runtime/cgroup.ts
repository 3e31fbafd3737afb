import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../std/index.ts';

const MOUNT = '/sys/fs/cgroup';

/** Reads files of the cgroups that a process is in, whichever hierarchies this machine uses: cgroups(7). */
export class CgroupReader {
  /** Folder of each v1 controller. */
  readonly #folders = new Map<string, string>();
  /** Folder in the v2 hierarchy where that is the only one. */
  readonly unified: string | undefined;

  constructor(pid: number) {
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'latin1').trim().split('\n');
    let unified: string | undefined;
    for (const line of lines) {
      const [number, controllers = '', ...rest] = line.split(':');
      const path = rest.join(':');
      if (number === '0') unified = join(MOUNT, path);
      else
        for (const controller of controllers.split(','))
          this.#folders.set(controller, join(MOUNT, controllers.replace(/^name=/, ''), path));
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

  /** Every process in the container's cgroup and those below its first one. */
  processes(): number[] {
    const text = this.v2('cgroup.procs') ?? this.v1('pids', 'cgroup.procs') ?? this.v1('freezer', 'cgroup.procs') ?? '';
    return text.split('\n').filter(Boolean).map(Number);
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
