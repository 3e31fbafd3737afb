import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { closeFd } from '../linux/index.ts';
import { decodeName, EngineError, fsPath } from '../std/index.ts';
import { joinPath } from './names.ts';
import { openDirectoryAt, pathAt } from './open-directories.ts';
import type { Change } from './toc.ts';

/** Comparing is synchronous, which is several times as fast; after so many names it lets others have the thread. */
const NAMES_A_TURN = 256;

/** Changes as they are found; undefined where the walk can pause. */
export type ChangeWalk = Generator<Change | undefined, void>;

/** A walk's changes, each directory before what is in it, without keeping the thread for long. */
export async function* unhurried(walk: ChangeWalk): AsyncGenerator<Change, void> {
  for (const change of walk) {
    if (change) yield change;
    else await nextTurn();
  }
}

/** A directory on the way, told as modified once something below it changed, as docker does. */
export interface Ancestor {
  readonly path: string;
  told: boolean;
}

/** The tree whose changes are listed. It may belong to a running container: only descriptors lead down it. */
export class UpperWalk {
  readonly root: string;
  #names = 0;

  constructor(root: string) {
    this.root = root;
  }

  /** A change, after the directories above it that were not told yet. */
  *tell(kind: Change['kind'], path: string, ancestors: readonly Ancestor[], opaque = false): Generator<Change, void> {
    for (const ancestor of ancestors) {
      if (ancestor.told) continue;
      ancestor.told = true;
      yield { kind: 'modify', path: ancestor.path, source: this.sourceOf(ancestor.path) };
    }
    if (kind === 'delete') yield { kind, path };
    else yield { kind, path, source: this.sourceOf(path), ...(opaque && { opaque }) };
  }

  sourceOf(path: string): string {
    return joinPath(this.root, path);
  }

  /** Whether it is time for a pause. */
  tired(): boolean {
    this.#names += 1;
    return this.#names % NAMES_A_TURN === 0;
  }

  /** Runs `work` in a directory of an open one. */
  *within(parent: number, name: string, work: (fd: number) => ChangeWalk): ChangeWalk {
    const fd = openDirectoryAt(parent, name);
    try {
      yield* work(fd);
    } finally {
      closeFd(fd);
    }
  }
}

/** Names of a directory in the order of their bytes. */
export function sortedNames(directory: string): string[] {
  return readdirSync(fsPath(directory), { encoding: 'buffer' }).sort(Buffer.compare).map(decodeName);
}

/** A name in an open directory; undefined for sockets, which no layer holds, and for what vanished meanwhile. */
export function nodeAt(fd: number, name: string): { path: string; stats: BigIntStats } | undefined {
  const path = pathAt(fd, name);
  const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  return stats && !stats.isSocket() ? { path, stats } : undefined;
}

export function requireStats(path: string): BigIntStats {
  const stats = lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
  if (!stats) throw new EngineError('NotFound', `no directory ${path}`);
  return stats;
}
