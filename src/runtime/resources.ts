import { readFileSync } from 'node:fs';
import { EngineError } from '../std/index.ts';
import type { Resources, Ulimit } from './options.ts';
import type { SpecProcess, SpecResources } from './spec-types.ts';

/** Length of a period in which processor time is shared out, in microseconds. */
const PERIOD = 100_000;
const SMALLEST_MEMORY = 6 << 20;

/** Limits as the runtime spec has them. Throws InvalidArgument for what no kernel takes. */
export function resourcesFor(resources: Resources): SpecResources {
  const { memory, memoryReservation, memorySwap, cpus, cpuShares, cpusetCpus, cpusetMems, pids, blkioWeight } =
    resources;
  if (memory !== undefined && memory > 0 && memory < SMALLEST_MEMORY)
    throw new EngineError('InvalidArgument', `a memory limit of ${memory} bytes is too small: at least 6 MiB`);
  if (cpus !== undefined && !(cpus >= 0.01))
    throw new EngineError('InvalidArgument', `invalid number of processors ${cpus}: at least 0.01`);
  if (memorySwap !== undefined && memorySwap > 0 && (memory === undefined || memorySwap < memory))
    throw new EngineError(
      'InvalidArgument',
      'the limit of memory and swap together must not be below the memory limit, and needs one',
    );
  const swap = memorySwap ?? (memory !== undefined && memory > 0 && hasSwapAccounting() ? memory * 2 : undefined);
  const memoryPart = {
    ...(memory !== undefined && { limit: memory }),
    ...(memoryReservation !== undefined && { reservation: memoryReservation }),
    ...(swap !== undefined && { swap }),
  };
  const cpuPart = {
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpus !== undefined && { quota: Math.round(cpus * PERIOD), period: PERIOD }),
    ...(cpusetCpus !== undefined && { cpus: cpusetCpus }),
    ...(cpusetMems !== undefined && { mems: cpusetMems }),
  };
  return {
    ...(Object.keys(memoryPart).length > 0 && { memory: memoryPart }),
    ...(Object.keys(cpuPart).length > 0 && { cpu: cpuPart }),
    ...(pids !== undefined && { pids: { limit: pids > 0 ? pids : -1 } }),
    ...(blkioWeight !== undefined && { blockIO: { weight: blkioWeight } }),
  };
}

let swapAccounting: boolean | undefined;

/** Without it the kernel refuses a limit on swap. */
function hasSwapAccounting(): boolean {
  swapAccounting ??= ['/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes', '/sys/fs/cgroup/cgroup.controllers'].some(
    (path) => {
      try {
        return readFileSync(path).length >= 0;
      } catch {
        return false;
      }
    },
  );
  return swapAccounting;
}

const NAMES = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);

/** `proc/PID/limits` by what a ulimit is called there. */
const TITLES: Readonly<Record<string, string>> = {
  nofile: 'Max open files',
  nproc: 'Max processes',
  core: 'Max core file size',
  memlock: 'Max locked memory',
  stack: 'Max stack size',
  fsize: 'Max file size',
  cpu: 'Max cpu time',
  data: 'Max data size',
  as: 'Max address space',
  rss: 'Max resident set',
  locks: 'Max file locks',
  sigpending: 'Max pending signals',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
};

/** Limits of processes. What is above our own hard limit is lowered to it, where we may not go beyond. */
export function rlimitsFor(
  ulimits: readonly Ulimit[],
  limits: string = readFileSync('/proc/self/limits', 'latin1'),
): NonNullable<SpecProcess['rlimits']> {
  return ulimits.map(({ name, soft, hard }) => {
    if (!NAMES.has(name)) throw new EngineError('InvalidArgument', `unknown ulimit ${JSON.stringify(name)}`);
    const [wantedSoft, wantedHard] = [soft, hard].map((value) => (value < 0 ? Number.POSITIVE_INFINITY : value)) as [
      number,
      number,
    ];
    if (wantedSoft > wantedHard)
      throw new EngineError(
        'InvalidArgument',
        `ulimit ${name}: the soft limit ${soft} is above the hard limit ${hard}`,
      );
    const highest = maximumOf(name, limits);
    return {
      type: `RLIMIT_${name.toUpperCase()}`,
      soft: finite(Math.min(wantedSoft, highest)),
      hard: finite(Math.min(wantedHard, highest)),
    };
  });
}

/** Our own hard limit; none for who may raise it: CAP_SYS_RESOURCE is bit 24. */
function maximumOf(name: string, limits: string): number {
  const line = limits.split('\n').find((text) => text.startsWith(TITLES[name] ?? name));
  const hard = line?.slice(47).split(/\s+/)[0];
  if (hard === undefined || hard === 'unlimited' || mayRaise()) return Number.POSITIVE_INFINITY;
  return Number(hard);
}

function mayRaise(): boolean {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return match !== null && ((BigInt(`0x${match[1]}`) >> 24n) & 1n) === 1n;
}

/** RLIM_INFINITY, 2^64-1, which no number of JavaScript holds: written as it must stand in the JSON. */
function finite(value: number): number {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): number };
  return value === Number.POSITIVE_INFINITY ? rawJSON('18446744073709551615') : value;
}
