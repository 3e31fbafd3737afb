import { type LogLine, type LogOptions, readLogs, requireContainer } from '../runtime/index.ts';
import type { Engine } from './engine.ts';

/** What a container wrote, line by line; with `follow` until it ends. */
export function logs({ root }: Engine, name: string, options: LogOptions = {}): AsyncIterable<LogLine> {
  return readLogs(requireContainer(root, name), options);
}
