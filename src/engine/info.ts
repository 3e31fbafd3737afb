import { readFile } from 'node:fs/promises';
import { cpus, hostname, machine, release, totalmem } from 'node:os';
import {
  type AppArmorStatus,
  appArmorStatus,
  hasSelinux,
  listContainers,
  type OciRuntime,
  probeRuntime,
} from '../runtime/index.ts';
import { type ProbeResult, probeDrivers } from '../snapshot/index.ts';
import { errorMessage } from '../std/index.ts';
import type { Engine } from './engine.ts';

export interface Info {
  readonly root: string;
  readonly driver: string;
  /** Every storage driver, and why one does not work here. */
  readonly drivers: readonly ProbeResult[];
  readonly images: number;
  readonly containers: { readonly running: number; readonly paused: number; readonly stopped: number };
  /** The OCI runtime that containers get, or why there is none. */
  readonly runtime: OciRuntime | { readonly missing: string };
  /** What confines containers here beside capabilities and seccomp. */
  readonly apparmor: AppArmorStatus;
  readonly selinux: boolean;
  readonly kernel: string;
  readonly operatingSystem: string;
  /** As uname(1) calls it: `x86_64`. */
  readonly architecture: string;
  readonly cpus: number;
  readonly memory: number;
  readonly hostname: string;
}

/** What this state and this machine have. */
export async function info(engine: Engine): Promise<Info> {
  const containers = await listContainers(engine.root);
  const count = (status: string): number => containers.filter(({ state }) => state.status === status).length;
  const [running, paused] = [count('running'), count('paused')];
  return {
    root: engine.root,
    driver: (await engine.snapshots()).driver,
    drivers: await probeDrivers(engine.root),
    images: new Set((await engine.store.images.list()).map(({ descriptor }) => descriptor.digest)).size,
    containers: { running, paused, stopped: containers.length - running - paused },
    runtime: await probeRuntime(engine.root).catch((error: unknown) => ({ missing: errorMessage(error) })),
    apparmor: appArmorStatus(),
    selinux: hasSelinux(),
    kernel: release(),
    operatingSystem: await operatingSystem(),
    architecture: machine(),
    cpus: cpus().length,
    memory: totalmem(),
    hostname: hostname(),
  };
}

async function operatingSystem(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? process.platform;
}
