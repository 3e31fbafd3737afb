import type { ContainerConfig, Digest } from '../oci/index.ts';

/** `none` is a network namespace with a loopback alone; a path is a network namespace that somebody else made. */
export type NetworkMode = 'none' | 'host' | { readonly path: string };

export type MountOption =
  | {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly?: boolean;
      readonly propagation?: 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';
      /** `shared` is `:z`, `private` is `:Z`. */
      readonly relabel?: 'shared' | 'private';
      /** `-v` makes a missing source, `--mount` does not. */
      readonly createSource?: boolean;
      readonly recursive?: boolean;
    }
  | {
      readonly type: 'volume';
      /** An absent name makes an anonymous volume, which goes with a `--rm` container. */
      readonly name?: string;
      readonly target: string;
      readonly readOnly?: boolean;
      /** Fills a new volume with what the image has at `target`, unless `nocopy`. */
      readonly noCopy?: boolean;
      readonly anonymous?: boolean;
      /** As of a bind mount; a volume is `shared` from its first use on. */
      readonly relabel?: 'shared' | 'private';
    }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      /** As mount(8) takes them: `size=64m`, `mode=1777`, `exec`. */
      readonly options?: readonly string[];
    };

/** Bytes, and parts of processors; absent means unlimited. */
export interface Resources {
  readonly memory?: number;
  readonly memoryReservation?: number;
  /** Memory and swap together; -1 for unlimited swap. */
  readonly memorySwap?: number;
  readonly cpus?: number;
  readonly cpuShares?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pids?: number;
  readonly blkioWeight?: number;
  readonly oomScoreAdj?: number;
}

export interface DeviceRecord {
  readonly source: string;
  readonly target: string;
  /** Of `rwm`. */
  readonly permissions: string;
}

export interface Ulimit {
  /** `nofile`, without `RLIMIT_`. */
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

export interface SecurityOptions {
  readonly privileged: boolean;
  /** As typed: `NET_ADMIN`, `CAP_NET_ADMIN`, `ALL`. */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** `default`, `unconfined`, or the text of a profile. */
  readonly seccomp: string;
  readonly noNewPrivileges: boolean;
  /** A profile's name or `unconfined`; absent for docker-default where the host has it. */
  readonly apparmor?: string;
  /** `label=` options: `disable`, `type:…`, `level:…`, `user:…`, `role:…`. */
  readonly labels: readonly string[];
  readonly unmaskPaths: boolean;
}

export interface RestartPolicy {
  readonly name: 'no' | 'on-failure' | 'always' | 'unless-stopped';
  /** Of `on-failure`; 0 is no limit. */
  readonly maximumRetries?: number;
}

export type Healthcheck = NonNullable<ContainerConfig['Healthcheck']>;

/** What `docker create` takes, parsed. Only `image`, `driver` and `snapshot` have no default. */
export interface CreateOptions {
  /** From {@link newContainerID}, where the caller needs it beforehand. */
  readonly id?: string;
  readonly name?: string;
  /** This process starts it at once: until then it is not for a prune, unless the process is gone. */
  readonly starting?: boolean;
  readonly image: {
    /** The reference as it was typed. */
    readonly name: string;
    readonly id?: Digest;
    readonly chain?: Digest;
    readonly config: ContainerConfig;
  };
  readonly driver: string;
  /** Key of the active snapshot; the container's id where nothing is said. */
  readonly snapshot?: string;
  /** What stands after the image: replaces CMD. */
  readonly command?: readonly string[];
  /** `--entrypoint`: replaces ENTRYPOINT and drops CMD; an empty list removes it. */
  readonly entrypoint?: readonly string[];
  /** `NAME=value`, over the image's. */
  readonly env?: readonly string[];
  readonly user?: string;
  readonly groupAdd?: readonly string[];
  readonly workingDir?: string;
  readonly tty?: boolean;
  readonly openStdin?: boolean;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly mounts?: readonly MountOption[];
  readonly devices?: readonly DeviceRecord[];
  readonly network?: NetworkMode;
  readonly exposedPorts?: readonly string[];
  /** `name:address`. */
  readonly extraHosts?: readonly string[];
  readonly pid?: 'private' | 'host';
  readonly ipc?: 'private' | 'host';
  readonly uts?: 'private' | 'host';
  readonly readOnly?: boolean;
  readonly security?: Partial<SecurityOptions>;
  readonly resources?: Resources;
  readonly ulimits?: readonly Ulimit[];
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Bytes of /dev/shm; 64 MiB by default. */
  readonly shmSize?: number;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly restart?: RestartPolicy;
  readonly autoRemove?: boolean;
  readonly healthcheck?: Healthcheck;
}
