import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LayerImageFiles } from '../../layer/index.ts';
import { attachLoop, directAlignmentOf, MountFlag, mount } from '../../linux/index.ts';
import { type Digest, isDigest } from '../../oci/index.ts';
import { EngineError, isErrno } from '../../std/index.ts';
import { placeOf, requireSnapshot, type SnapshotFolder } from '../folder.ts';
import { isTreeMounted, lockBriefly, readImageNote } from '../layer-mount.ts';
import { filesOf, layerFolder } from './erofs-layer.ts';

/** Nobody but overlayfs looks there, which does not ask the lower mount about these. */
const FLAGS = MountFlag.readOnly | MountFlag.noSuid | MountFlag.noDev;
/** Which snapshot had the layer mounted last: another one on the same layer takes its mount, and with it what is cached. */
const MOUNTED = 'mounted';

/** The alignment of data in a tar. */
const TAR_BLOCK = 512;

/**
 * Mounts an image of {@link LayerImageFiles} at `target`: from its files where the kernel can (6.12), else through loop devices (6.4). What is read
 * comes past the page cache of the files themselves wherever that can be: else it would be cached twice.
 */
export function mountImage(
  files: LayerImageFiles,
  target: string,
  { spilled, through }: { spilled: boolean; through?: 'file' | 'loop' },
): void {
  const devices = [files.tar, ...(spilled ? [files.spill] : [])];
  const direct = devices.every((path) => isWithin(TAR_BLOCK, directAlignmentOf(path)));
  if (through !== 'loop') {
    try {
      if (direct && tryDirect(files.image, devices, target)) return;
      mountFiles(files.image, devices, target);
      return;
    } catch (error) {
      if (through === 'file' || !isErrno(error, 'ENOTBLK')) throw error;
    }
  }
  mountLoops(files.image, devices, target, direct);
}

/** False on kernels (before 6.14) that don't know the option. */
function tryDirect(image: string, devices: readonly string[], target: string): boolean {
  try {
    mountFiles(image, devices, target, ['directio']);
    return true;
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) throw error;
    return false;
  }
}

/** Disks of blocks of 4096 bytes can't be read at each 512. */
function isWithin(block: number, alignment: number | undefined): boolean {
  return alignment !== undefined && alignment > 0 && alignment <= block;
}

/** By descriptors: a comma in a path would end the option, and a page is all that they may take. */
function mountFiles(image: string, devices: readonly string[], target: string, more: readonly string[] = []): void {
  const opened = devices.map((path) => openSync(path, 'r'));
  try {
    const options = opened.map((fd) => `device=/proc/self/fd/${fd}`);
    mount(image, target, 'erofs', FLAGS, [...options, ...more].join(','));
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function mountLoops(image: string, devices: readonly string[], target: string, direct: boolean): void {
  using attached = new DisposableStack();
  const [source, ...others] = [image, ...devices].map((path) => attached.use(attachLoop(path, { direct })).path);
  mount(source as string, target, 'erofs', FLAGS, others.map((path) => `device=${path}`).join(','));
}

/** Sees to it that the images of these snapshots are mounted in this namespace; those that are cost two looks each. */
export function mountChain(folder: SnapshotFolder, chain: readonly Digest[]): void {
  for (const name of chain) if (!isTreeMounted(placeOf(folder, name))) mountTree(folder, name);
}

function mountTree(folder: SnapshotFolder, name: Digest): void {
  const { path: place, record } = requireSnapshot(folder, name);
  const note = readImageNote(place);
  if (!note || !record.diffID) return; // its tree is a folder
  using _ = lockBriefly(join(folder.path, '.locks', 'mounting'));
  if (isTreeMounted(place)) return; // another process was first
  const target = join(place, 'fs');
  const layer = layerFolder(folder.root, record.diffID);
  try {
    const twin = note.own ? undefined : mountedTwin(folder, layer);
    if (twin !== undefined) mount(twin, target, 'none', MountFlag.bind);
    else mountImage(note.own ? { ...filesOf(place), tar: filesOf(layer).tar } : filesOf(layer), target, note);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new EngineError('Unavailable', `the image of layer ${record.diffID} is gone: strata fsck --repair`, {
      cause: error,
    });
  }
  if (!note.own) writeFileSync(join(layer, MOUNTED), name, { mode: 0o600 });
}

/** The tree of another snapshot of the same layer, where it is mounted already. */
function mountedTwin(folder: SnapshotFolder, layer: string): string | undefined {
  try {
    const name = readFileSync(join(layer, MOUNTED), 'utf8');
    if (!isDigest(name)) return undefined; // torn by a kill
    const place = placeOf(folder, name);
    return isTreeMounted(place) ? join(place, 'fs') : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
