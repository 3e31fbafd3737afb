import type { Snapshotter } from '../snapshot/index.ts';
import type { Store } from '../store/index.ts';
import type { BuildCache, KeyParts } from './cache.ts';
import type { BuiltStep } from './history.ts';
import type { Layers } from './layers.ts';
import type { BuildEvent, BuildOptions } from './options.ts';

/** What the steps of one build share. */
export interface Session {
  readonly options: BuildOptions;
  readonly root: string;
  readonly store: Store;
  readonly cache: BuildCache;
  readonly layers: Layers;
  /** A folder that goes with the build. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** What was made or found, for the history. */
  readonly steps: BuiltStep[];
  /** Keeps the names that a step reads, and gives their digest. */
  keepReads(lines: readonly string[]): string;
  /** Why a step has no earlier result. */
  explain(step: { id: string; key: string; parts: KeyParts; reads?: readonly string[] }): string;
  /** Opened by the first RUN. */
  snapshots(): Promise<Snapshotter>;
  report(event: BuildEvent): void;
  /** Runs `work` when its turn comes: so many containers at a time. */
  turn<Value>(work: () => Promise<Value>): Promise<Value>;
}

/** So many at once, the others in the order in which they came. */
export function turns(count: number): <Value>(work: () => Promise<Value>) => Promise<Value> {
  let free = count;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free++;
    }
  };
}
