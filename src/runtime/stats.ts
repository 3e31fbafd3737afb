import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../std/index.ts';
import { CgroupReader, keyed } from './cgroup.ts';
import type { Container } from './container.ts';
import { requireRunning } from './control.ts';

/** What a container uses at one moment. Bytes; counters since its start. */
export interface ContainerStats {
  readonly time: Date;
  /** Nanoseconds of processor time. */
  readonly cpuTime: number;
  /** Of one processor, since the sample before: 150 is one and a half. */
  readonly cpuPercent: number;
  readonly processors: number;
  /** Without what the kernel may drop at once, as docker counts. */
  readonly memory: number;
  readonly memoryLimit: number;
  readonly pids: number;
  readonly pidsLimit?: number;
  readonly blockRead: number;
  readonly blockWritten: number;
  readonly networkReceived: number;
  readonly networkSent: number;
}

/** One sample after another until the container ends or the caller stops. The first has measured the processors for as long as one interval. */
export async function* watchStats(
  container: Container,
  { interval = 1000, signal }: { interval?: number; signal?: AbortSignal } = {},
): AsyncGenerator<ContainerStats, void> {
  let before = sample(requireRunning(container).pid, container.id);
  for (;;) {
    await sleep(interval, undefined, signal ? { signal } : {});
    let now: ReturnType<typeof sample>;
    try {
      now = sample(requireRunning(container).pid, container.id);
    } catch {
      return; // it has ended
    }
    const elapsed = now.time.getTime() - before.time.getTime();
    yield { ...now, cpuPercent: elapsed > 0 ? ((now.cpuTime - before.cpuTime) / 1e6 / elapsed) * 100 : 0 };
    before = now;
  }
}

function sample(pid: number, id: string): Omit<ContainerStats, 'cpuPercent'> {
  return {
    time: new Date(),
    processors: availableParallelism(),
    ...usageOf(new CgroupReader(pid, id)),
    ...network(pid),
  };
}

/** What the cgroups of a container count. */
type Usage = Pick<
  ContainerStats,
  'cpuTime' | 'memory' | 'memoryLimit' | 'pids' | 'pidsLimit' | 'blockRead' | 'blockWritten'
>;

export function usageOf(cgroup: CgroupReader): Usage {
  return cgroup.unified === undefined ? legacy(cgroup) : unified(cgroup);
}

/** Documentation/admin-guide/cgroup-v2.rst. */
function unified(cgroup: CgroupReader): Usage {
  const io = (cgroup.v2('io.stat') ?? '').split(/\s+/);
  const sum = (name: string): number =>
    io
      .filter((part) => part.startsWith(`${name}=`))
      .reduce((total, part) => total + Number(part.slice(name.length + 1)), 0);
  return {
    cpuTime: (keyed(cgroup.v2('cpu.stat')).get('usage_usec') ?? 0) * 1000,
    memory: Number(cgroup.v2('memory.current') ?? 0) - (keyed(cgroup.v2('memory.stat')).get('inactive_file') ?? 0),
    memoryLimit: limited(cgroup.v2('memory.max')),
    ...pidsPart(cgroup.v2('pids.current'), cgroup.v2('pids.max')),
    blockRead: sum('rbytes'),
    blockWritten: sum('wbytes'),
  };
}

/** Documentation/admin-guide/cgroup-v1. */
function legacy(cgroup: CgroupReader): Usage {
  const io = (cgroup.v1('blkio', 'blkio.throttle.io_service_bytes') ?? '').split('\n').map((line) => line.split(' '));
  const sum = (kind: string): number =>
    io.reduce((total, [, operation, bytes]) => (operation === kind ? total + Number(bytes) : total), 0);
  return {
    cpuTime: Number(cgroup.v1('cpuacct', 'cpuacct.usage') ?? 0),
    memory:
      Number(cgroup.v1('memory', 'memory.usage_in_bytes') ?? 0) -
      (keyed(cgroup.v1('memory', 'memory.stat')).get('total_inactive_file') ?? 0),
    memoryLimit: limited(cgroup.v1('memory', 'memory.limit_in_bytes')),
    ...pidsPart(cgroup.v1('pids', 'pids.current'), cgroup.v1('pids', 'pids.max')),
    blockRead: sum('Read'),
    blockWritten: sum('Write'),
  };
}

function limited(text: string | undefined): number {
  const limit = text === undefined || text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
  return Math.min(limit, totalmem());
}

function pidsPart(current: string | undefined, max: string | undefined): { pids: number; pidsLimit?: number } {
  return { pids: Number(current ?? 0), ...(max !== undefined && max !== 'max' && { pidsLimit: Number(max) }) };
}

/** Interfaces of the container's own network; none of the host's. */
function network(pid: number): Pick<ContainerStats, 'networkReceived' | 'networkSent'> {
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, 'latin1');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) throw error;
  }
  const rows = text
    .split('\n')
    .map((line) => /^\s*([^:\s]+):\s*(.*)$/.exec(line))
    .filter((match) => match !== null && match[1] !== 'lo')
    .map((match) => (match?.[2] ?? '').trim().split(/\s+/).map(Number));
  return {
    networkReceived: rows.reduce((total, row) => total + (row[0] ?? 0), 0),
    networkSent: rows.reduce((total, row) => total + (row[8] ?? 0), 0),
  };
}
