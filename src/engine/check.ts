import { listContainers } from '../runtime/index.ts';
import {
  checkSnapshots,
  findDamagedLayers,
  removeDamagedLayer,
  repairSnapshots,
  type SnapshotFinding,
} from '../snapshot/index.ts';
import { type Job, startJob } from '../std/index.ts';
import { type Finding, type FsckOptions, fsck, type SnapshotCheck } from '../store/index.ts';
import type { Engine } from './engine.ts';
import { unpackBelow } from './open-snapshot.ts';
import { pull } from './pull.ts';

const MADE_AGAIN = 'removed; unpacking makes it again';

/** Tells how far a check is. */
export type CheckEvent = Parameters<NonNullable<FsckOptions['report']>>[0];

/** Checks every blob, layer, record and snapshot; with `repair`, pulls again what is damaged from where it came. What is wrong is the result, not an error. */
export function check(
  engine: Engine,
  { repair = false, signal }: { repair?: boolean; signal?: AbortSignal } = {},
): Job<CheckEvent, Finding[]> {
  return startJob(
    (context) =>
      fsck(engine.store, {
        ...context,
        repair,
        snapshots: snapshotCheck(engine),
        async pull({ source }) {
          await using job = pull(engine, source, { signal: context.signal, unpack: false, named: false });
          return (await job.result).image.target;
        },
      }),
    signal ? { signal } : {},
  );
}

function snapshotCheck(engine: Engine): SnapshotCheck {
  return {
    async *check({ repair, signal }) {
      const before = checkSnapshots(engine.root);
      const damaged = await Array.fromAsync(findDamagedLayers(engine.root, engine.store.layers.list(), signal));
      if (repair) for (const { diffID } of damaged) await removeDamagedLayer(engine.root, diffID, signal);
      const left = repair ? await repairAll(engine) : before;
      for (const { message, name } of before) {
        const gone = repair && !left.some((finding) => finding.name === name && finding.message === message);
        yield { what: message, name, ...(gone && { repair: MADE_AGAIN }) };
      }
      for (const { message, names } of damaged) {
        for (const name of names.length > 0 ? names : [undefined]) {
          yield { what: message, ...(name && { name }), ...(repair && { repair: MADE_AGAIN }) };
        }
      }
    },
  };
}

/** Containers' own snapshots lack what is below them where that had to go: it is made again at once. */
async function repairAll(engine: Engine): Promise<SnapshotFinding[]> {
  await repairSnapshots(engine.root);
  for (const container of await listContainers(engine.root)) {
    await unpackBelow(engine, container).catch(() => {}); // what can't be made again is found again
  }
  return checkSnapshots(engine.root);
}
