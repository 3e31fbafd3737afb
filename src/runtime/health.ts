import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryFlock } from '../linux/index.ts';
import { errorMessage, isErrno } from '../std/index.ts';
import type { Container } from './container.ts';
import { containerEvent } from './container-event.ts';
import { execInContainer } from './exec.ts';
import { listContainers, readContainer } from './find-container.ts';
import {
  afterProbe,
  type Health,
  type HealthPlan,
  type HealthProbe,
  healthOf,
  healthPlan,
  writeHealth,
} from './health-record.ts';

/** How often the monitor looks for containers that have come or gone, in milliseconds. */
const LOOK = 1000;
/** How long it stays when there is nothing to check: a container may be starting. */
const PATIENCE = 10_000;
/** Of a probe's output. */
const KEPT_OUTPUT = 4096;

/**
 * Runs the health checks of all running containers until there are none left. One monitor serves a state folder: a second one returns at once.
 */
export async function monitorHealth(root: string, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  const lock = openSync(join(root, 'health.lock'), 'a', 0o600);
  try {
    if (!tryFlock(lock, 'exclusive')) return;
    const watched = new Map<string, Promise<void>>();
    for (let idleSince = Date.now(); !signal?.aborted && (watched.size > 0 || Date.now() - idleSince < PATIENCE); ) {
      for (const container of await listContainers(root)) {
        const health = healthOf(container);
        const key = `${container.id} ${health?.startedAt}`;
        if (!health || watched.has(key)) continue;
        watched.set(
          key,
          watch(root, container.id, health.startedAt, signal).finally(() => watched.delete(key)),
        );
      }
      if (watched.size > 0) idleSince = Date.now();
      await sleep(LOOK, undefined, signal ? { signal } : {}).catch(() => {});
    }
  } finally {
    closeSync(lock);
  }
}

/** Checks one run of a container, until that ends. */
async function watch(root: string, id: string, startedAt: string, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    const before = current(root, id, startedAt);
    if (!before || signal?.aborted) return;
    const { plan, health } = before;
    const starting = health.status === 'starting' && Date.now() - Date.parse(startedAt) < plan.startPeriod;
    await sleep(starting ? plan.startInterval : plan.interval, undefined, signal ? { signal } : {}).catch(() => {});
    const now = current(root, id, startedAt);
    if (!now || signal?.aborted) return;
    if (now.container.state.status === 'paused') continue;
    const probe = await runProbe(root, now.container, now.plan, signal);
    const still = current(root, id, startedAt);
    if (!still) return; // it ended meanwhile, and so the probe failed
    const after = afterProbe(still.health, probe, plan);
    try {
      writeHealth(still.container, after);
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return; // removed meanwhile
      throw error;
    }
    if (after.status !== still.health.status) containerEvent(root, still.container, `health_status: ${after.status}`);
  }
}

function current(
  root: string,
  id: string,
  startedAt: string,
): { container: Container; health: Health; plan: HealthPlan } | undefined {
  const container = readContainer(root, id);
  const health = container && healthOf(container);
  const plan = container && healthPlan(container);
  return container && plan && health?.startedAt === startedAt ? { container, health, plan } : undefined;
}

async function runProbe(
  root: string,
  container: Container,
  { command, timeout }: HealthPlan,
  signal: AbortSignal | undefined,
): Promise<HealthProbe> {
  const start = new Date().toISOString();
  const output = new PassThrough();
  let text = '';
  output.on('data', (chunk: Buffer) => {
    if (text.length < KEPT_OUTPUT) text = (text + chunk.toString('utf8')).slice(0, KEPT_OUTPUT);
  });
  const tooLong = AbortSignal.timeout(timeout);
  const ended = (exitCode: number, said: string): HealthProbe => ({
    start,
    end: new Date().toISOString(),
    exitCode,
    output: said,
  });
  try {
    const { exitCode, error } = await execInContainer(root, container, {
      command,
      proxySignals: false,
      streams: { stdin: 'none', stdout: output, stderr: output },
      signal: signal ? AbortSignal.any([signal, tooLong]) : tooLong,
    });
    return ended(error === undefined ? exitCode : -1, error ?? text);
  } catch (error) {
    return ended(-1, tooLong.aborted ? `health check took longer than ${timeout / 1000} s` : errorMessage(error));
  }
}
