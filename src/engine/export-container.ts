import { readFile } from 'node:fs/promises';
import { type Change, diffTrees, packLayer } from '../layer/index.ts';
import { type Container, isActive, openFiles, requireContainer } from '../runtime/index.ts';
import type { Engine } from './engine.ts';
import { openSnapshot } from './open-snapshot.ts';

/** The container's whole file system as a tar, without what is mounted in it. A running one is read as it stands at each moment. */
export async function* exportContainer(engine: Engine, name: string): AsyncGenerator<Uint8Array> {
  const container = requireContainer(engine.root, name);
  yield* isActive(container) ? packRunning(container) : packStopped(engine, container);
}

async function* packRunning({ state: { pid } }: Container): ByteStreamGenerator {
  const mounts = await mountPointsOf(pid);
  yield* packLayer(outside(mounts, diffTrees(undefined, `/proc/${pid}/root`)));
}

async function* packStopped(engine: Engine, container: Container): ByteStreamGenerator {
  await using files = await openFiles(container, await openSnapshot(engine, container));
  yield* packLayer(diffTrees(undefined, files.path));
}

type ByteStreamGenerator = AsyncGenerator<Uint8Array>;

/** Leaves out what lies under a mount point; the mount point itself stays. */
async function* outside(mounts: ReadonlySet<string>, changes: AsyncIterable<Change>): AsyncGenerator<Change> {
  let skipped: string | undefined;
  for await (const change of changes) {
    if (skipped !== undefined && change.path.startsWith(`${skipped}/`)) continue;
    skipped = mounts.has(change.path) ? change.path : undefined;
    yield change;
  }
}

/** Mount points below the root of a process, without their leading slash: proc(5), mountinfo. */
async function mountPointsOf(pid: number): Promise<Set<string>> {
  const text = await readFile(`/proc/${pid}/mountinfo`, 'utf8');
  const points = text.split('\n').map((line) => line.split(' ')[4] ?? '');
  const decode = (point: string): string =>
    point.replace(/\\([0-7]{3})/g, (_all, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
  return new Set(points.map((point) => decode(point).slice(1)).filter((point) => point !== ''));
}
