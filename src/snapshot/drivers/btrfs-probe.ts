import { mkdtempSync, readdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BTRFS_MAGIC, createSubvolume, sealSubvolume, snapshotSubvolume } from '../../linux/index.ts';
import { EngineError } from '../../std/index.ts';
import { deletePlace } from '../delete-tree.ts';

const PROBE = '.probe-';

/** Makes a subvolume in `folder`, a snapshot of it, and deletes both. Throws what the first that failed said; takes away what a killed probe left. */
export function probeBtrfs(folder: string): void {
  if (statfsSync(folder).type !== BTRFS_MAGIC) {
    throw new EngineError('NotImplemented', `${folder} is not on btrfs: put the state folder on one`);
  }
  for (const name of readdirSync(folder)) if (name.startsWith(PROBE)) deletePlace(join(folder, name));
  const place = mkdtempSync(join(folder, PROBE));
  const [one, two] = [join(place, 'fs'), join(place, 'two')];
  try {
    createSubvolume(one);
    writeFileSync(join(one, 'file'), '');
    sealSubvolume(one);
    snapshotSubvolume(one, two);
    writeFileSync(join(two, 'file'), 'changed');
  } finally {
    deletePlace(place);
  }
}
