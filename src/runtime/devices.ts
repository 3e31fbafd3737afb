import { readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, isErrno } from '../std/index.ts';
import type { ContainerRecord } from './container.ts';
import type { SpecDevice, SpecResources } from './spec-types.ts';

type DeviceRules = NonNullable<SpecResources['devices']>;

const rule = (type: 'c' | 'b', access: string, major?: number, minor?: number): DeviceRules[number] => ({
  allow: true,
  type,
  access,
  ...(major !== undefined && { major }),
  ...(minor !== undefined && { minor }),
});

/** What every container may use: null, zero, full, random, urandom, tty, console, ptmx, pts; nodes may be made of anything. */
const DEFAULT_RULES: DeviceRules = [
  { allow: false, access: 'rwm' },
  rule('c', 'm'),
  rule('b', 'm'),
  rule('c', 'rwm', 1, 3),
  rule('c', 'rwm', 1, 5),
  rule('c', 'rwm', 1, 7),
  rule('c', 'rwm', 1, 8),
  rule('c', 'rwm', 1, 9),
  rule('c', 'rwm', 5, 0),
  rule('c', 'rwm', 5, 1),
  rule('c', 'rwm', 5, 2),
  rule('c', 'rwm', 136),
];

/** The device nodes of a container beside the runtime's own, and what its cgroup lets it use. */
export function devicesFor({ security, devices }: ContainerRecord): { nodes: SpecDevice[]; rules: DeviceRules } {
  if (security.privileged) return { nodes: hostDevices(), rules: [{ allow: true, access: 'rwm' }] };
  const nodes: SpecDevice[] = [];
  const rules = [...DEFAULT_RULES];
  for (const { source, target, permissions } of devices) {
    if (!/^[rwm]{1,3}$/.test(permissions))
      throw new EngineError(
        'InvalidArgument',
        `invalid device permissions ${JSON.stringify(permissions)}: r, w and m are allowed`,
      );
    for (const node of nodesAt(source, target)) {
      nodes.push(node);
      rules.push(rule(node.type, permissions, node.major, node.minor));
    }
  }
  return { nodes, rules };
}

/** A device, or all devices in a folder. */
function nodesAt(source: string, target: string): SpecDevice[] {
  const stats = statSync(source, { throwIfNoEntry: false });
  if (!stats) throw new EngineError('NotFound', `no device ${source}`);
  if (stats.isDirectory()) return devicesIn(source, target);
  const node = nodeFrom(stats, target);
  if (!node) throw new EngineError('InvalidArgument', `${source} is no device`);
  return [node];
}

function hostDevices(): SpecDevice[] {
  return devicesIn('/dev', '/dev');
}

/** What the container has of its own is left out: terminals, shared memory, queues, consoles. */
const OWN = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', 'ptmx', '.lxc', '.lxd-mounts', '.udev']);

function devicesIn(folder: string, target: string): SpecDevice[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): SpecDevice[] => {
    if (OWN.has(entry.name) || entry.isSymbolicLink()) return [];
    const at = join(target, entry.name);
    if (entry.isDirectory()) return devicesIn(join(folder, entry.name), at);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    const node = nodeFrom(statOf(join(folder, entry.name)), at);
    return node ? [node] : [];
  });
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENXIO', 'EACCES')) return undefined;
    throw error;
  }
}

function nodeFrom(stats: Stats | undefined, path: string): SpecDevice | undefined {
  if (!stats || !(stats.isCharacterDevice() || stats.isBlockDevice())) return undefined;
  const { major, minor } = split(stats.rdev);
  return {
    type: stats.isBlockDevice() ? 'b' : 'c',
    path,
    major,
    minor,
    fileMode: stats.mode & 0o777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

/** makedev(3) undone; here and not through `linux`, which would load native code on the run path. */
function split(device: number): { major: number; minor: number } {
  const d = BigInt(device);
  return {
    major: Number(((d >> 8n) & 0xfffn) | ((d >> 32n) & 0xfffff000n)),
    minor: Number((d & 0xffn) | ((d >> 12n) & 0xffffff00n)),
  };
}
