import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mount } from '../../linux/index.ts';
import { EngineError, isErrno, randomHex, writeFileAtomicSync } from '../../std/index.ts';
import { snapshotterOf } from '../compose.ts';
import { openFolder } from '../folder.ts';
import type { Snapshotter } from '../snapshotter.ts';
import { unmountVolume } from '../volume.ts';
import type { ThinVolume } from '../volume-kinds.ts';
import { runProgram } from './run-program.ts';
import { activateThin, deactivateThin, makeThin } from './thin-device.ts';
import { type Volumes, volumeDriver } from './volume-driver.ts';

/** Numbers of devices have 24 bits: Documentation/admin-guide/device-mapper/thin-provisioning.rst. */
const ID_BYTES = 3;
/** ext4 fills tables of inodes behind a mount's back, which would take blocks in every clone; blocks of deleted files go back to the pool. */
const OPTIONS = 'noinit_itable,discard';

/** Every snapshot a thin device with an ext4, begun as a snapshot of its parent's. */
export function devicemapperDriver(root: string): Snapshotter {
  const folder = openFolder(root, 'devicemapper');
  return snapshotterOf(folder, volumeDriver(folder, thinVolumes(folder.path)));
}

function thinVolumes(path: string): Volumes<ThinVolume> {
  return {
    driver: 'devicemapper',
    invent(mounts) {
      const pool = poolOf(path);
      if (!existsSync(memoryOf(path))) writeFileAtomicSync(memoryOf(path), `${pool}\n`);
      const id = Number.parseInt(randomHex(ID_BYTES), 16); // the pool lists its devices to nobody, but refuses one that it has
      return { kind: 'thin', pool, id, mountpoint: join(mounts, `${id}`) };
    },
    make(volume, parent) {
      makeThin(volume, parent);
      if (!parent) format(activateThin(volume));
    },
    mount(volume) {
      mount(activateThin(volume), volume.mountpoint, 'ext4', 0, OPTIONS);
      rmSync(join(volume.mountpoint, 'lost+found'), { recursive: true, force: true }); // mkfs made it
    },
    seal(volume) {
      unmountVolume(volume);
      deactivateThin(volume);
    },
  };
}

/** The thin pool of a state folder: the one that it was begun with, else the one that `STRATA_THIN_POOL` names. */
export function poolOf(path: string): string {
  const asked = process.env['STRATA_THIN_POOL'] || undefined;
  let begun: string | undefined;
  try {
    begun = readFileSync(memoryOf(path), 'utf8').trim();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  if (begun !== undefined && asked !== undefined && asked !== begun) {
    throw new EngineError('Conflict', `this state folder's snapshots are in the thin pool ${begun}, not in ${asked}`);
  }
  const pool = begun ?? asked;
  if (pool === undefined) {
    throw new EngineError('NotImplemented', 'no thin pool is named: STRATA_THIN_POOL=NAME, one as dmsetup ls shows it');
  }
  return pool;
}

function memoryOf(path: string): string {
  return join(path, '.pool');
}

/** What a thin device was never given reads as zeros, so that nothing needs to be zeroed; a journal of 16 MiB is enough for one container. */
function format(device: string): void {
  const options = 'nodiscard,root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1';
  runProgram('mkfs.ext4', ['-q', '-F', '-m', '0', '-J', 'size=16', '-E', options, device], { from: 'e2fsprogs' });
}
