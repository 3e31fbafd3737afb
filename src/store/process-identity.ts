import { readlink } from 'node:fs/promises';
import { startTimeOf } from '../linux/index.ts';

/** Tells one process from every other: a pid alone is given again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at which it started: field 22 of proc(5) `stat`. */
  readonly start: string;
  /** Where pids are counted: `pid:[4026531836]`. */
  readonly namespace: string;
}

export async function thisProcess(): Promise<ProcessIdentity> {
  return { pid: process.pid, start: startTimeOf(process.pid) ?? '', namespace: await pidNamespace() };
}

/** Whether it still runs; undefined where that can't be seen from here. */
export async function isRunning({ pid, start, namespace }: ProcessIdentity): Promise<boolean | undefined> {
  if (start === '' || namespace === '' || namespace !== (await pidNamespace())) return undefined;
  return startTimeOf(pid) === start;
}

async function pidNamespace(): Promise<string> {
  try {
    return await readlink('/proc/self/ns/pid');
  } catch {
    return ''; // no /proc
  }
}
