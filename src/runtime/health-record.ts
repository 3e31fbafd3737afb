import { join } from 'node:path';
import type { Container } from './container.ts';
import type { Healthcheck } from './options.ts';
import { readRecord, replaceRecord } from './record-file.ts';

export type HealthStatus = 'starting' | 'healthy' | 'unhealthy';

/** One run of a container's check. */
export interface HealthProbe {
  /** RFC 3339. */
  readonly start: string;
  readonly end: string;
  /** 0 is healthy; -1 says that it took too long or could not run. */
  readonly exitCode: number;
  /** The beginning of what it wrote. */
  readonly output: string;
}

/** `health.json`: what the checks of a container's present run showed. */
export interface Health {
  readonly status: HealthStatus;
  /** Failures in a row that count. */
  readonly failingStreak: number;
  /** The last few, the oldest first. */
  readonly log: readonly HealthProbe[];
  /** The start that it is about. */
  readonly startedAt: string;
}

/** How a check runs, docker's defaults filled in; times in milliseconds. */
export interface HealthPlan {
  readonly command: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

const KEPT_PROBES = 5;
const NANOSECONDS = 1e6;

/** Undefined for a container without a check. Engine API description, HealthConfig. */
export function healthPlan({
  healthcheck,
  shell,
}: {
  readonly healthcheck?: Healthcheck;
  readonly shell?: readonly string[];
}): HealthPlan | undefined {
  const [kind, ...rest] = healthcheck?.Test ?? [];
  if (!healthcheck || kind === undefined || kind === 'NONE' || rest.length === 0) return undefined;
  const time = (nanoseconds: number | undefined, byDefault: number): number =>
    nanoseconds ? nanoseconds / NANOSECONDS : byDefault;
  return {
    command: kind === 'CMD-SHELL' ? [...(shell ?? ['/bin/sh', '-c']), rest.join(' ')] : rest,
    interval: time(healthcheck.Interval, 30_000),
    timeout: time(healthcheck.Timeout, 30_000),
    startPeriod: time(healthcheck.StartPeriod, 0),
    startInterval: time(healthcheck.StartInterval, 5_000),
    retries: healthcheck.Retries || 3,
  };
}

/** What is known of a container's health in its present run; undefined for one without a check, or that does not run. */
export function healthOf(container: Container): Health | undefined {
  const { startedAt, status } = container.state;
  if (!healthPlan(container) || startedAt === undefined || (status !== 'running' && status !== 'paused'))
    return undefined;
  const recorded = readRecord<Health>(healthFile(container));
  return recorded?.startedAt === startedAt ? recorded : { status: 'starting', failingStreak: 0, log: [], startedAt };
}

/** Health after one more probe: pure. A failure in the start period does not count; one success ends the start. */
export function afterProbe(
  before: Health,
  probe: HealthProbe,
  plan: Pick<HealthPlan, 'retries' | 'startPeriod'>,
): Health {
  const log = [...before.log, probe].slice(-KEPT_PROBES);
  if (probe.exitCode === 0) return { ...before, status: 'healthy', failingStreak: 0, log };
  const inStart =
    before.status === 'starting' && Date.parse(probe.start) - Date.parse(before.startedAt) < plan.startPeriod;
  if (inStart) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  return { ...before, status: failingStreak >= plan.retries ? 'unhealthy' : before.status, failingStreak, log };
}

export function writeHealth(container: Container, health: Health): void {
  replaceRecord(healthFile(container), health);
}

function healthFile({ folder }: Container): string {
  return join(folder, 'health.json');
}
