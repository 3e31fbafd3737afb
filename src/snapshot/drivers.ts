import { btrfsDriver } from './drivers/btrfs.ts';
import { devicemapperDriver } from './drivers/devicemapper.ts';
import { erofsDriver } from './drivers/erofs.ts';
import { fuseDriver } from './drivers/fuse.ts';
import { overlayDriver } from './drivers/overlay.ts';
import { vfsDriver } from './drivers/vfs.ts';
import { zfsDriver } from './drivers/zfs.ts';
import { openFolder } from './folder.ts';
import type { Snapshotter } from './snapshotter.ts';

/** A way to store snapshots, as a choice. */
export interface DriverChoice {
  readonly name: string;
  open(root: string): Snapshotter;
  /** Throws why it does not work on this state folder. */
  probe(root: string): Promise<void>;
}

/** All that this program knows, the best first. */
export const DRIVERS: readonly DriverChoice[] = [
  {
    name: 'overlay',
    open: overlayDriver,
    async probe(root) {
      const { probeOverlay } = await import('./drivers/overlay-probe.ts');
      probeOverlay(openFolder(root, 'overlay').path);
    },
  },
  {
    name: 'erofs',
    open: erofsDriver,
    async probe(root) {
      const { probeErofs } = await import('./drivers/erofs-probe.ts');
      probeErofs(openFolder(root, 'erofs').path);
    },
  },
  {
    name: 'btrfs',
    open: btrfsDriver,
    async probe(root) {
      const { probeBtrfs } = await import('./drivers/btrfs-probe.ts');
      probeBtrfs(openFolder(root, 'btrfs').path);
    },
  },
  {
    name: 'zfs',
    open: zfsDriver,
    async probe(root) {
      const { probeZfs } = await import('./drivers/zfs-probe.ts');
      probeZfs(openFolder(root, 'zfs').path);
    },
  },
  {
    name: 'fuse',
    open: fuseDriver,
    async probe(root) {
      const { probeFuse } = await import('./drivers/fuse-probe.ts');
      probeFuse(openFolder(root, 'fuse').path);
    },
  },
  {
    name: 'devicemapper',
    open: devicemapperDriver,
    async probe(root) {
      const { probeDevicemapper } = await import('./drivers/devicemapper-probe.ts');
      probeDevicemapper(openFolder(root, 'devicemapper').path);
    },
  },
  {
    name: 'vfs',
    open: vfsDriver,
    async probe(root) {
      openFolder(root, 'vfs'); // a folder that can be written is all it takes
    },
  },
];
