import { release } from 'node:os';
import { capabilitiesFor } from './capabilities.ts';
import type { Container } from './container.ts';
import { devicesFor } from './devices.ts';
import { cgroupOf, rootfsOf } from './folders.ts';
import { type PlacedMount, planMounts } from './mount-plan.ts';
import { resourcesFor, rlimitsFor } from './resources.ts';
import { defaultSeccomp, parseSeccomp } from './seccomp.ts';
import type { SelinuxLabels } from './selinux.ts';
import type { Seccomp, Spec, SpecLinux } from './spec-types.ts';
import { type ContainerUser, resolveUser } from './user.ts';
import { prepareWorkingDirectory } from './working-directory.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Docker's lists: what shows or changes the host is hidden, or read-only. */
const MASKED = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export interface SpecSurroundings {
  /** Descriptor of the mounted root file system, for looking up users and making mount points. */
  readonly rootfs: number;
  /** The container's mounts, volumes with their host paths. */
  readonly mounts: readonly PlacedMount[];
  /** Whether this machine has cgroup v2 alone: the container gets a cgroup namespace then, as docker has it. */
  readonly unifiedCgroups: boolean;
  /** The AppArmor profile that confines it, where this machine has AppArmor. */
  readonly apparmor?: string | undefined;
  /** Its SELinux labels, where this machine has SELinux. */
  readonly selinux?: SelinuxLabels | undefined;
  /** Hears of every path that was made in the root file system. */
  readonly made?: (path: string) => void;
}

/**
 * The runtime-spec config.json of a container with docker's defaults. Reads /etc/passwd and /etc/group of the image, and makes mount points
 * and the working directory in it, never outside. Nothing of the image becomes an annotation.
 */
export function createSpec(container: Container, surroundings: SpecSurroundings): Spec {
  const { rootfs, apparmor, selinux, made = () => {} } = surroundings;
  const { security, hostname, domainname, resources } = container;
  const user = resolveUser(rootfs, container.user, container.groupAdd);
  const mounts = planMounts(container, { rootfs, mounts: surroundings.mounts, made });
  const cwd = prepareWorkingDirectory(rootfs, container.workingDir, { mounts, made });
  const capabilities = capabilitiesFor(security);
  const granted = user.uid === 0 ? capabilities : []; // others get them back by setuid programs only, as with docker
  const seccomp = seccompFor(container, capabilities);
  return {
    ociVersion: '1.0.2',
    process: {
      ...(container.tty && { terminal: true }),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args: [...container.entrypoint, ...container.command],
      env: environment(container, user),
      cwd,
      capabilities: {
        bounding: capabilities,
        effective: granted,
        permitted: granted,
        inheritable: [], // CVE-2022-24769
        ambient: [],
      },
      rlimits: rlimitsFor(container.ulimits),
      noNewPrivileges: security.noNewPrivileges,
      ...(apparmor !== undefined && { apparmorProfile: apparmor }),
      ...(selinux && { selinuxLabel: selinux.process }),
      ...(resources.oomScoreAdj !== undefined && { oomScoreAdj: resources.oomScoreAdj }),
    },
    root: { path: rootfsOf(container.folder), readonly: container.readOnly },
    ...(container.uts === 'private' && { hostname, ...(domainname !== undefined && { domainname }) }),
    mounts,
    linux: linuxPart(
      container,
      { ...(seccomp && { seccomp }), ...(selinux && { mountLabel: selinux.files }) },
      surroundings.unifiedCgroups,
    ),
  };
}

function linuxPart(
  container: Container,
  labels: Pick<SpecLinux, 'seccomp' | 'mountLabel'>,
  unifiedCgroups: boolean,
): SpecLinux {
  const { security, resources, sysctls } = container;
  const { nodes, rules } = devicesFor(container);
  const shared = container.mounts.some(
    (mount) => mount.type === 'bind' && /shared|slave/.test(mount.propagation ?? ''),
  );
  return {
    namespaces: namespacesOf(container, unifiedCgroups),
    cgroupsPath: cgroupOf(container.id),
    resources: { devices: rules, ...resourcesFor(resources) },
    ...(nodes.length > 0 && { devices: nodes }),
    ...(Object.keys(sysctls).length > 0 && { sysctl: sysctls }),
    ...labels,
    ...(!security.unmaskPaths && { maskedPaths: MASKED, readonlyPaths: READ_ONLY }),
    ...(shared && { rootfsPropagation: 'rslave' }),
  };
}

function namespacesOf(
  { network, pid, ipc, uts, security }: Container,
  unifiedCgroups: boolean,
): { type: string; path?: string }[] {
  return [
    { type: 'mount' },
    ...(network === 'host' ? [] : [{ type: 'network', ...(typeof network === 'object' && { path: network.path }) }]),
    ...(pid === 'host' ? [] : [{ type: 'pid' }]),
    ...(ipc === 'host' ? [] : [{ type: 'ipc' }]),
    ...(uts === 'host' ? [] : [{ type: 'uts' }]),
    ...(unifiedCgroups && !security.privileged ? [{ type: 'cgroup' }] : []),
  ];
}

/** PATH, HOSTNAME, TERM and HOME as docker sets them, beneath what was asked. */
export function environment(
  { env, tty, hostname }: Pick<Container, 'env' | 'tty' | 'hostname'>,
  user: Pick<ContainerUser, 'home'>,
): string[] {
  const has = (name: string): boolean => env.some((entry) => entry.startsWith(`${name}=`));
  return [
    ...(has('PATH') ? [] : [`PATH=${DEFAULT_PATH}`]),
    ...(has('HOSTNAME') ? [] : [`HOSTNAME=${hostname}`]),
    ...(tty && !has('TERM') ? ['TERM=xterm'] : []),
    ...env,
    ...(has('HOME') ? [] : [`HOME=${user.home}`]),
  ];
}

function seccompFor({ security }: Container, capabilities: readonly string[]): Seccomp | undefined {
  if (security.seccomp === 'unconfined') return undefined;
  return security.seccomp === 'default'
    ? defaultSeccomp(capabilities)
    : parseSeccomp(security.seccomp, capabilities, { kernel: release() });
}
