import { setTimeout as sleep } from 'node:timers/promises';
import type { Digest } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import { getSnapshot, type Snapshot, type SnapshotFolder } from './folder.ts';

/** How often (milliseconds) to look for what other processes publish; within this one {@link announce} wakes. */
const LOOK = 50;
/** How long (milliseconds) to wait for a parent that nobody seems to make. */
const PATIENCE = 30 * 60_000;

const waiting = new Map<string, Set<() => void>>();

/** Tells the waiters of this process that a committed snapshot is there. */
export function announce(path: string): void {
  for (const wake of waiting.get(path) ?? []) wake();
}

/** The committed snapshot `name`, when it is there: made by this process or another. */
export async function waitFor(folder: SnapshotFolder, name: Digest, signal?: AbortSignal): Promise<Snapshot> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    signal?.throwIfAborted();
    const found = getSnapshot(folder, name);
    if (found) return found;
    if (Date.now() > deadline) throw new EngineError('NotFound', `the parent ${name} was not unpacked by anyone`);
    await change(`${folder.path}/${name}`, signal);
  }
}

async function change(path: string, signal: AbortSignal | undefined): Promise<void> {
  const woken = Promise.withResolvers<void>();
  const wakers = waiting.get(path) ?? new Set();
  waiting.set(path, wakers.add(woken.resolve));
  const timer = new AbortController();
  try {
    const any = signal ? AbortSignal.any([signal, timer.signal]) : timer.signal;
    await Promise.race([woken.promise, sleep(LOOK, undefined, { signal: any }).catch(() => {})]);
  } finally {
    timer.abort();
    wakers.delete(woken.resolve);
    if (wakers.size === 0) waiting.delete(path);
  }
}
