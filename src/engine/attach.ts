import {
  type AttachOptions,
  attachContainer,
  type Container,
  readEvents,
  requireContainer,
  waitContainer,
} from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** Connects streams to a container that runs in the background. Its exit code, or undefined where the user left it running. */
export async function attach(engine: Engine, name: string, options: AttachOptions = {}): Promise<number | undefined> {
  const container = requireContainer(engine.root, name);
  const began = Date.now();
  const ended = await attachContainer(engine.root, container, options).ended;
  return ended === 'detached'
    ? undefined
    : exitCodeOf(engine, container, { began, ...(options.signal && { signal: options.signal }) });
}

/** The exit code of a container that ends about now. One that goes with its end leaves it in the journal. */
async function exitCodeOf(
  { root }: Engine,
  container: Container,
  { began, signal }: { began: number; signal?: AbortSignal },
): Promise<number> {
  const condition = container.autoRemove ? 'removed' : 'not-running';
  let code = await waitContainer(root, container, { condition, ...(signal && { signal }) });
  if (!container.autoRemove) return code;
  const died = readEvents(root, { since: began, accept: ({ id, action }) => id === container.id && action === 'die' });
  for await (const { attributes } of died) code = Number(attributes['exitCode'] ?? code);
  return code;
}
