import {
  type AttachOptions,
  attachContainer,
  reapContainer,
  requireContainer,
  waitContainer,
} from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** Connects streams to a container that runs in the background. Its exit code, or undefined where the user left it running. */
export async function attach({ root }: Engine, name: string, options: AttachOptions = {}): Promise<number | undefined> {
  const container = requireContainer(root, name);
  const ended = await attachContainer(root, container, options).ended;
  if (ended === 'detached') return undefined;
  const code = await waitContainer(root, container, options.signal ? { signal: options.signal } : {});
  await reapContainer(root, container);
  return code;
}
