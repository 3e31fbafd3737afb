import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One command to be timed. */
export interface Step {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that count as success, 0 if absent. */
  readonly expect?: readonly number[];
}

export interface Sample {
  readonly seconds: number;
  /** CPU seconds of the command and of the daemons that worked for it. */
  readonly cpu: number;
  /** Largest resident size of the command's processes (the largest one) plus the daemons', MiB. */
  readonly rss: number;
}

const stopping = new AbortController();
let cleaning = false;

/** Ends what runs, and everything that would follow, at the first SIGINT or SIGTERM: what was set up is then taken down as after a failure. */
export function stopOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => stopping.abort(new Error(`stopped by ${signal}`)));
  }
}

/** From here on steps run even after a signal. */
export function beginCleaning(): void {
  cleaning = true;
}

const TICKS = 100; // USER_HZ is 100 on every Linux that Node runs on

/** Runs `step` and measures it; `daemons` are the processes that work for it, their children included. */
export async function measure(step: Step, daemons: readonly number[] = []): Promise<Sample> {
  const report = join(tmpdir(), `bench-time-${process.pid}`);
  for (const pid of daemons) resetPeak(pid);
  const before = cpuOf(daemons);
  const started = process.hrtime.bigint();
  await run({ ...step, argv: ['/usr/bin/time', '-f', '%U %S %M', '-o', report, ...step.argv] });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const [user = 0, system = 0, kilobytes = 0] =
    readFileSync(report, 'utf8').trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  rmSync(report, { force: true });
  const peaks = daemons.reduce((sum, pid) => sum + peakOf(pid), 0);
  return { seconds, cpu: user + system + cpuOf(daemons) - before, rss: (kilobytes + peaks) / 1024 };
}

/** Runs `step` untimed; what it prints is shown where it fails. */
export function run({ argv, env, expect = [0] }: Step): Promise<string> {
  return new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(!cleaning && { signal: stopping.signal }),
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => (output = (output + chunk).slice(-65536)));
    child.stderr.on('data', (chunk) => (errors = (errors + chunk).slice(-8192)));
    child.on('error', (error) => reject(stopping.signal.aborted && !cleaning ? stopping.signal.reason : error));
    child.on('close', (code, signal) => {
      if (code !== null && expect.includes(code)) resolve(output);
      else reject(new Error(`${argv.join(' ')} ended with ${code ?? signal}: ${errors.trim() || output.trim()}`));
    });
  });
}

/** Every process below `pid`, itself first. */
export function familyOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statOf(Number(name))?.[1]);
    if (parent) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const family = [pid];
  for (const member of family) family.push(...(children.get(member) ?? []));
  return family;
}

/** Fields of /proc/PID/stat from the state on (proc(5) field 3 is index 0). */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** CPU seconds of the processes and of those of their children that have ended. */
function cpuOf(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids.flatMap(familyOf))
    for (const field of statOf(pid)?.slice(11, 15) ?? []) ticks += Number(field);
  return ticks / TICKS;
}

function resetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // an older kernel: the peak is since the daemon's start
  }
}

function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
