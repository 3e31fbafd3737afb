import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { type Caller, callerOf } from './caller.ts';

/** Starts a registry on `folder` in a process of its own; the caller ends it. */
export async function startChild(folder: string): Promise<{ child: ChildProcess; call: Caller }> {
  const entry = fileURLToPath(new URL('./registry-child.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout as NodeJS.ReadableStream))
    return { child, call: callerOf(line) };
  throw new Error('the registry did not start');
}

export async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
