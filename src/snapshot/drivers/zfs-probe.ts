import { join } from 'node:path';
import { randomHex } from '../../std/index.ts';
import { datasetAround } from './zfs.ts';
import { destroyDataset, zfs } from './zfs-dataset.ts';

/** Makes a dataset below the one that `folder` lies on, and destroys it. Throws why that does not work; what a killed probe left is empty. */
export function probeZfs(folder: string): void {
  const dataset = `${datasetAround(folder)}/strata-probe-${randomHex(4)}`;
  zfs('create', '-o', 'canmount=noauto', '-o', `mountpoint=${join(folder, '.mnt')}`, dataset);
  destroyDataset(dataset);
}
