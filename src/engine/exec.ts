import { type ExecOptions, execDetached, execInContainer, type RunResult, requireContainer } from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** Runs a command in a running container; its exit code. Conflict for one that does not run. */
export async function exec({ root }: Engine, name: string, options: ExecOptions): Promise<RunResult> {
  return execInContainer(root, requireContainer(root, name), options);
}

/** Starts a command in a running container and leaves it there. */
export async function execInBackground(
  { root }: Engine,
  name: string,
  options: Omit<ExecOptions, 'streams' | 'tty' | 'openStdin'>,
): Promise<void> {
  await execDetached(root, requireContainer(root, name), options);
}
