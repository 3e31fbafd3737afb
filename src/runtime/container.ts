import type { Digest } from '../oci/index.ts';
import type {
  DeviceRecord,
  Healthcheck,
  MountOption,
  NetworkMode,
  Resources,
  RestartPolicy,
  SecurityOptions,
  Ulimit,
} from './options.ts';

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'exited';

/** A process that can be told from a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of proc(5) `stat`. */
  readonly startTime: string;
}

/** `state.json`: what became of a container. */
export interface ContainerState {
  readonly status: ContainerStatus;
  /** The container's first process; 0 where none runs. */
  readonly pid: number;
  readonly startTime?: string;
  /** The process in whose mount namespace the root file system is mounted: conmon, or the runtime of a foreground run. */
  readonly holder?: ProcessIdentity;
  /** The command that runs it in the foreground and records its end; before that, the one that made it to start it. */
  readonly watcher?: ProcessIdentity;
  /** Whether conmon watches it; else the command that runs it does. */
  readonly monitored: boolean;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error?: string;
  /** How often the restart policy has started it again since the last start by hand. */
  readonly restarts: number;
  /** Milliseconds that the last restart waited. */
  readonly backoff?: number;
  /** Stopped by hand: `unless-stopped` and `always` leave it alone until the next start. */
  readonly stopped?: boolean;
}

/** `config.json`: what was asked, the image's defaults merged in. It changes by rename and update alone. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  /** The reference as it was typed. */
  readonly imageName: string;
  readonly imageID?: Digest;
  /** The chainID that its snapshot stands on. */
  readonly chain?: Digest;
  readonly driver: string;
  /** Key of its active snapshot. */
  readonly snapshot: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly groupAdd: readonly string[];
  readonly workingDir: string;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly hostname: string;
  readonly domainname?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly MountOption[];
  readonly devices: readonly DeviceRecord[];
  readonly network: NetworkMode;
  readonly exposedPorts: readonly string[];
  readonly extraHosts: readonly string[];
  readonly pid: 'private' | 'host';
  readonly ipc: 'private' | 'host';
  readonly uts: 'private' | 'host';
  readonly readOnly: boolean;
  readonly security: SecurityOptions;
  readonly resources: Resources;
  readonly ulimits: readonly Ulimit[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly shmSize: number;
  readonly stopSignal: string;
  /** Seconds. */
  readonly stopTimeout: number;
  readonly restart: RestartPolicy;
  readonly autoRemove: boolean;
  readonly healthcheck?: Healthcheck;
}

/** A container as it stands now: its record, and its state as far as the processes of this machine bear it out. */
export interface Container extends ContainerRecord {
  readonly state: ContainerState;
  /** Its folder below `containers/`. */
  readonly folder: string;
}

export function isActive({ state }: { readonly state: Pick<ContainerState, 'status'> }): boolean {
  return state.status === 'running' || state.status === 'paused';
}
