import { hostname as hostOwnName } from 'node:os';
import { EngineError, randomHex } from '../std/index.ts';
import type { ContainerRecord } from './container.ts';
import { requireName } from './container-names.ts';
import type { CreateOptions, MountOption, SecurityOptions } from './options.ts';
import { parseSignal } from './signals.ts';

const SHM_SIZE = 64 << 20;
const STOP_TIMEOUT = 10;
const HOSTNAME = /^(?=.{1,64}$)[a-zA-Z0-9]([a-zA-Z0-9_.-]*[a-zA-Z0-9])?$/;
const SYSCTL = /^[a-zA-Z0-9_]+([./][a-zA-Z0-9_*-]+)+$/;

/** What was asked over what the image says, as docker merges them; checked, so that later steps need not. */
export function mergeOptions(id: string, options: CreateOptions): Omit<ContainerRecord, 'id' | 'name'> {
  const { config } = options.image;
  const { entrypoint, command } = mergeCommand(options);
  const workingDir = options.workingDir || config.WorkingDir || '/';
  if (!workingDir.startsWith('/') || workingDir.includes('\0'))
    throw new EngineError(
      'InvalidArgument',
      `the working directory ${JSON.stringify(workingDir)} is not an absolute path`,
    );
  const stopSignal = options.stopSignal ?? config.StopSignal ?? 'SIGTERM';
  parseSignal(stopSignal);
  const restart = options.restart ?? { name: 'no' as const };
  const autoRemove = options.autoRemove ?? false;
  if (autoRemove && restart.name !== 'no')
    throw new EngineError(
      'InvalidArgument',
      `a container that is removed at its end can't have the restart policy ${restart.name}; leave out --rm or --restart`,
    );
  const healthcheck = options.healthcheck ?? config.Healthcheck;
  return {
    created: new Date().toISOString(),
    imageName: options.image.name,
    ...(options.image.id && { imageID: options.image.id }),
    ...(options.image.chain && { chain: options.image.chain }),
    driver: options.driver,
    snapshot: options.snapshot ?? id,
    entrypoint,
    command,
    env: mergeEnv(config.Env ?? [], options.env ?? []),
    user: options.user ?? config.User ?? '',
    groupAdd: options.groupAdd ?? [],
    workingDir,
    tty: options.tty ?? false,
    openStdin: options.openStdin ?? false,
    hostname: hostnameFor(id, options),
    ...(options.domainname && { domainname: options.domainname }),
    labels: { ...config.Labels, ...options.labels },
    mounts: mergeMounts(options),
    devices: options.devices ?? [],
    network: options.network ?? 'none',
    exposedPorts: [...new Set([...Object.keys(config.ExposedPorts ?? {}), ...(options.exposedPorts ?? [])])],
    extraHosts: (options.extraHosts ?? []).map(requireExtraHost),
    pid: options.pid ?? 'private',
    ipc: options.ipc ?? 'private',
    uts: options.uts ?? 'private',
    readOnly: options.readOnly ?? false,
    security: mergeSecurity(options.security),
    resources: options.resources ?? {},
    ulimits: options.ulimits ?? [],
    sysctls: requireSysctls(options.sysctls ?? {}),
    shmSize: options.shmSize ?? SHM_SIZE,
    stopSignal,
    stopTimeout: options.stopTimeout ?? config.StopTimeout ?? STOP_TIMEOUT,
    restart,
    autoRemove,
    ...(healthcheck && { healthcheck }),
  };
}

/** `--entrypoint` drops the image's CMD; arguments replace it. */
function mergeCommand(options: CreateOptions): { entrypoint: readonly string[]; command: readonly string[] } {
  const { config } = options.image;
  const given = options.command ?? [];
  const own = options.entrypoint !== undefined;
  const entrypoint = options.entrypoint ?? config.Entrypoint ?? [];
  const command = given.length > 0 || own ? given : (config.Cmd ?? []);
  const [first] = [...entrypoint, ...command];
  if (first === undefined)
    throw new EngineError(
      'InvalidArgument',
      `no command: ${options.image.name} has neither CMD nor ENTRYPOINT; say what to run after the image`,
    );
  for (const part of [...entrypoint, ...command])
    if (part.includes('\0'))
      throw new EngineError('InvalidArgument', 'the command has an argument with a NUL byte in it');
  return { entrypoint, command };
}

/** Later values of a name replace earlier ones in their place. */
export function mergeEnv(...lists: readonly (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of lists.flat()) {
    const at = entry.indexOf('=');
    const name = at < 0 ? entry : entry.slice(0, at);
    if (name === '' || entry.includes('\0'))
      throw new EngineError('InvalidArgument', `invalid environment variable ${JSON.stringify(name)}`);
    merged.set(name, at < 0 ? `${entry}=` : entry);
  }
  return [...merged.values()];
}

/** The mounts that were asked for, and an anonymous volume for every VOLUME of the image that none of them covers. */
function mergeMounts({ image, mounts = [] }: CreateOptions): readonly MountOption[] {
  const asked = mounts.map((mount) => ({ ...mount, target: cleanTarget(mount.target) }));
  for (const mount of asked) if (mount.type === 'volume' && mount.name !== undefined) requireName(mount.name, 'volume');
  const taken = new Set<string>();
  for (const { target } of asked) {
    if (taken.has(target)) throw new EngineError('InvalidArgument', `two mounts at ${target}; choose one`);
    taken.add(target);
  }
  const anonymous = Object.keys(image.config.Volumes ?? {})
    .map(cleanTarget)
    .filter((target) => !taken.has(target))
    .map((target): MountOption => ({ type: 'volume', target }));
  return [...asked, ...anonymous].map((mount) =>
    mount.type === 'volume' && mount.name === undefined ? { ...mount, name: randomHex(32), anonymous: true } : mount,
  );
}

/** An absolute path without `.` , `..` and doubled slashes: a place in the container, not yet in its file system. */
export function cleanTarget(target: string): string {
  if (!target.startsWith('/') || target.includes('\0'))
    throw new EngineError(
      'InvalidArgument',
      `invalid mount target ${JSON.stringify(target)}: it must be an absolute path`,
    );
  const parts: string[] = [];
  for (const part of target.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  if (parts.length === 0) throw new EngineError('InvalidArgument', 'nothing can be mounted at / of a container');
  return `/${parts.join('/')}`;
}

function hostnameFor(id: string, { hostname, network, uts }: CreateOptions): string {
  if (hostname === undefined) return network === 'host' || uts === 'host' ? hostOwnName() : id.slice(0, 12);
  if (!HOSTNAME.test(hostname))
    throw new EngineError('InvalidArgument', `invalid hostname ${JSON.stringify(hostname)}`);
  return hostname;
}

function requireExtraHost(entry: string): string {
  if (/^[^\s:]+:[0-9a-fA-F.:[\]]+$/.test(entry)) return entry;
  throw new EngineError('InvalidArgument', `invalid host entry ${JSON.stringify(entry)}: it is written NAME:ADDRESS`);
}

function requireSysctls(sysctls: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(sysctls))
    if (!SYSCTL.test(name) || /[\0\n]/.test(value))
      throw new EngineError('InvalidArgument', `invalid sysctl ${JSON.stringify(name)}`);
  return sysctls;
}

function mergeSecurity(security: Partial<SecurityOptions> = {}): SecurityOptions {
  return {
    privileged: security.privileged ?? false,
    capAdd: security.capAdd ?? [],
    capDrop: security.capDrop ?? [],
    seccomp: security.seccomp ?? (security.privileged ? 'unconfined' : 'default'),
    noNewPrivileges: security.noNewPrivileges ?? false,
    ...(security.apparmor !== undefined && { apparmor: security.apparmor }),
    labels: security.labels ?? [],
    unmaskPaths: security.unmaskPaths ?? security.privileged ?? false,
  };
}
