import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MountFlag, mount } from '../../linux/index.ts';
import { type Digest, isDigest } from '../../oci/index.ts';
import { hasCode } from '../../std/index.ts';
import { cloneChanges, cloneUsage } from '../clone-changes.ts';
import type { Driver, Filling } from '../driver.ts';
import { emptyTree } from '../empty-tree.ts';
import { placeOf, type SnapshotFolder } from '../folder.ts';
import { listBinds, listMounts } from '../mount-table.ts';
import { stageHeld } from '../staging.ts';
import { forgetVolume, noteVolume, volumeOf } from '../volume.ts';
import type { Volume } from '../volume-kinds.ts';

/** What a driver can do whose snapshots are file systems of their own, cloned one from another. */
export interface Volumes<Kind extends Volume = Volume> {
  readonly driver: string;
  /** Thinks of a volume that was never there, to be mounted somewhere below `folder`. */
  invent(folder: string): Kind;
  /** Makes it, empty or as a clone of a sealed one. Conflict where somebody else has it. */
  make(volume: Kind, parent?: Kind): void;
  /** Mounts it at its mount point, which is there. */
  mount(volume: Kind): void;
  /** Ends all writing: it is unmounted, and can be cloned from now on. May be called again. */
  seal(volume: Kind): void;
}

/** Where volumes are mounted, each under a name of its own that is never changed. */
const MOUNTS = '.mnt';
/** How often to think of another volume where somebody has the one that was thought of. */
const INVENTIONS = 5;

/**
 * Every snapshot a volume, begun as a clone of its parent's. That of an active snapshot or a view stays mounted until it goes, and is
 * bound where it is wanted; those of committed ones lie unmounted.
 */
export function volumeDriver<Kind extends Volume>(folder: SnapshotFolder, volumes: Volumes<Kind>): Driver {
  const mounts = join(folder.path, MOUNTS);
  mkdirSync(mounts, { recursive: true, mode: 0o700 });

  const ensureMounted = (volume: Kind): string => {
    if (!isMounted(volume.mountpoint)) {
      mkdirSync(volume.mountpoint, { recursive: true, mode: 0o700 });
      volumes.mount(volume);
    }
    return volume.mountpoint;
  };

  /** Gives the folder `place` a volume, and mounts it. */
  const begin = (place: string, parent: Digest | undefined): string => {
    mkdirSync(join(place, 'fs'), { mode: 0o700 }); // as every snapshot has one
    const from = parent && (volumeOf(placeOf(folder, parent)) as Kind);
    const tree = ensureMounted(makeVolume(place, from));
    if (!parent) chmodSync(tree, 0o755); // whatever the umask
    return tree;
  };

  const makeVolume = (place: string, from: Kind | undefined): Kind => {
    for (let attempt = 1; ; attempt++) {
      const volume = volumes.invent(mounts);
      noteVolume(place, volume);
      mkdirSync(volume.mountpoint, { recursive: true, mode: 0o700 });
      try {
        volumes.make(volume, from);
        return volume;
      } catch (error) {
        if (!hasCode(error, 'Conflict')) throw error;
        forgetVolume(place); // it is not ours to destroy
        if (attempt === INVENTIONS) throw error;
      }
    }
  };

  /** Shows what a committed snapshot holds for as long as `look` takes: a clone of it, which goes even where this process dies. */
  async function* beside<T>(parent: Digest | undefined, look: (tree: string) => AsyncIterable<T>): AsyncGenerator<T> {
    if (!parent) {
      yield* look(emptyTree(folder));
      return;
    }
    await using staging = stageHeld(folder);
    yield* look(begin(staging.path, parent));
  }

  const treeOf = (place: string): string => ensureMounted(volumeOf(place) as Kind);

  return {
    name: volumes.driver,
    async unpack(filling) {
      await unpackInto(filling, begin);
      volumes.seal(volumeOf(filling.place) as Kind);
      return { bottom: true }; // a whole tree: nobody looks further down
    },
    async prepare(place, chain) {
      begin(place, chain[0]);
    },
    mounts: ({ path, record }) => [
      { type: 'bind', source: treeOf(path), options: record.view ? ['bind', 'ro'] : ['bind', 'rw'] },
    ],
    mount({ path, record }, target) {
      mount(treeOf(path), target, 'none', MountFlag.bind);
      // The first call of a bind mount heeds no other flag, mount(2).
      if (record.view) mount('none', target, 'none', MountFlag.bind | MountFlag.remount | MountFlag.readOnly);
    },
    leftovers(place) {
      if (!existsSync(place)) return [];
      const { mountpoint } = volumeOf(place);
      return isMounted(mountpoint) ? listBinds(mountpoint) : [];
    },
    async *changes({ path, record }) {
      if (record.view) return;
      const upper = treeOf(path);
      yield* beside(record.chain[0], (lower) => cloneChanges({ place: path, lower, upper }));
    },
    async usage({ name, path, record }) {
      if (record.view) return { bytes: 0, inodes: 0 };
      await using self = isDigest(name) ? stageHeld(folder) : undefined;
      const upper = self ? begin(self.path, name as Digest) : treeOf(path);
      const [parent] = record.chain;
      await using below = parent ? stageHeld(folder) : undefined;
      return await cloneUsage({ place: path, upper, ...(below && { lower: begin(below.path, parent) }) });
    },
    publishing() {},
    settled: (place) => volumes.seal(volumeOf(place) as Kind),
    removed() {},
  };
}

async function unpackInto(
  { place, layer, chain }: Filling,
  begin: (place: string, parent: Digest | undefined) => string,
): Promise<void> {
  const { unpackLayer } = await import('../../layer/index.ts');
  const { blob: file, diffID, toc, signal, report } = layer;
  const root = begin(place, (await chain())[0]); // the blob grows meanwhile
  await unpackLayer({
    file,
    root,
    form: 'merged',
    diffID,
    ...(toc !== undefined && { toc }),
    ...(signal && { signal }),
    ...(report && { report }),
  });
}

function isMounted(mountpoint: string): boolean {
  return (
    lstatSync(mountpoint, { throwIfNoEntry: false }) !== undefined &&
    listMounts().some(({ target }) => target === mountpoint)
  );
}
