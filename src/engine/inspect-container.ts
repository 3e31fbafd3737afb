import { join } from 'node:path';
import { type Container, getVolume, healthOf, logOf } from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** What `docker inspect` prints of a container, field by field (Engine API description, ContainerInspectResponse). */
export async function inspectContainer(
  engine: Engine,
  container: Container,
  { size }: { size: boolean },
): Promise<object> {
  const { state, resources, security, restart } = container;
  const [path = '', ...args] = [...container.entrypoint, ...container.command];
  const snapshots = await engine.snapshots(container.driver);
  const health = healthOf(container);
  const inFolder = (name: string): string => join(container.folder, name);
  return {
    Id: container.id,
    Created: container.created,
    Path: path,
    Args: args,
    State: {
      Status: state.status,
      Running: state.status === 'running' || state.status === 'paused',
      Paused: state.status === 'paused',
      Restarting: state.status === 'restarting',
      OOMKilled: state.oomKilled,
      Dead: false,
      Pid: state.pid,
      ExitCode: state.exitCode,
      Error: state.error ?? '',
      StartedAt: state.startedAt ?? NEVER,
      FinishedAt: state.finishedAt ?? NEVER,
      ...(health && {
        Health: {
          Status: health.status,
          FailingStreak: health.failingStreak,
          Log: health.log.map(({ start, end, exitCode, output }) => ({
            Start: start,
            End: end,
            ExitCode: exitCode,
            Output: output,
          })),
        },
      }),
    },
    Image: container.imageID ?? '',
    ResolvConfPath: inFolder('resolv.conf'),
    HostnamePath: inFolder('hostname'),
    HostsPath: inFolder('hosts'),
    LogPath: logOf(container.folder),
    Name: `/${container.name}`,
    RestartCount: state.restarts,
    Driver: container.driver,
    Platform: 'linux',
    HostConfig: {
      AutoRemove: container.autoRemove,
      Binds: container.mounts.flatMap((mount) =>
        mount.type === 'bind' ? [`${mount.source}:${mount.target}${mount.readOnly ? ':ro' : ''}`] : [],
      ),
      CapAdd: security.capAdd,
      CapDrop: security.capDrop,
      CpuShares: resources.cpuShares ?? 0,
      CpusetCpus: resources.cpusetCpus ?? '',
      Devices: container.devices.map(({ source, target, permissions }) => ({
        PathOnHost: source,
        PathInContainer: target,
        CgroupPermissions: permissions,
      })),
      ExtraHosts: container.extraHosts,
      GroupAdd: container.groupAdd,
      IpcMode: container.ipc,
      Memory: resources.memory ?? 0,
      MemoryReservation: resources.memoryReservation ?? 0,
      MemorySwap: resources.memorySwap ?? 0,
      NanoCpus: Math.round((resources.cpus ?? 0) * 1e9),
      NetworkMode: typeof container.network === 'string' ? container.network : container.network.path,
      PidMode: container.pid,
      PidsLimit: resources.pids ?? null,
      Privileged: security.privileged,
      ReadonlyRootfs: container.readOnly,
      RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.maximumRetries ?? 0 },
      ShmSize: container.shmSize,
      Sysctls: container.sysctls,
      Ulimits: container.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
      UTSMode: container.uts,
    },
    GraphDriver: { Name: snapshots.driver, Data: null },
    ...(size && { SizeRw: (await snapshots.usage(container.snapshot).catch(() => ({ bytes: 0 }))).bytes }),
    Mounts: container.mounts.map((mount) => ({
      Type: mount.type,
      ...(mount.type === 'volume' && {
        Name: mount.name ?? '',
        Driver: 'local',
        Source: getVolume(engine.root, mount.name ?? '')?.mountpoint ?? '',
      }),
      ...(mount.type === 'bind' && { Source: mount.source, Propagation: mount.propagation ?? 'rprivate' }),
      Destination: mount.target,
      RW: mount.type === 'tmpfs' || !mount.readOnly,
    })),
    Config: {
      Hostname: container.hostname,
      Domainname: container.domainname ?? '',
      User: container.user,
      Tty: container.tty,
      OpenStdin: container.openStdin,
      Env: container.env,
      Cmd: container.command,
      Entrypoint: container.entrypoint.length > 0 ? container.entrypoint : null,
      Image: container.imageName,
      WorkingDir: container.workingDir,
      Labels: container.labels,
      StopSignal: container.stopSignal,
      StopTimeout: container.stopTimeout,
      ExposedPorts: Object.fromEntries(container.exposedPorts.map((port) => [port, {}])),
      ...(container.healthcheck && { Healthcheck: container.healthcheck }),
    },
    NetworkSettings: { Ports: {}, Networks: typeof container.network === 'string' ? { [container.network]: {} } : {} },
  };
}

/** What docker says of a moment that has not come. */
const NEVER = '0001-01-01T00:00:00Z';
