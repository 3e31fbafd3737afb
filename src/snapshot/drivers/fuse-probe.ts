import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { unmount } from '../../linux/index.ts';
import { EngineError } from '../../std/index.ts';
import { mountUnion } from '../fuse-server.ts';
import { listMounts } from '../mount-table.ts';

const PROBE = '.probe-';

/** Mounts a small union in `folder` and copies up, deletes and reads in it. Throws what the first that failed said; leaves nothing behind. */
export function probeFuse(folder: string): void {
  clear(folder);
  const place = mkdtempSync(join(folder, PROBE));
  const at = (...names: string[]): string => join(place, ...names);
  for (const name of ['lower/gone', 'upper', 'work', 'merged']) mkdirSync(at(name), { recursive: true });
  writeFileSync(at('lower/file'), 'below');
  try {
    mountUnion(at('merged'), {
      source: place,
      union: { layers: [at('lower')], upper: { path: at('upper'), work: at('work') } },
    });
    try {
      writeFileSync(at('merged/file'), 'above');
      rmdirSync(at('merged/gone'));
      require(readFileSync(at('lower/file'), 'utf8') === 'below', 'a write reaches the layer below');
      require(lstatSync(at('upper/gone')).isCharacterDevice(), 'no whiteout is made');
    } finally {
      unmount(at('merged'), { lazy: true });
    }
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function require(holds: boolean, why: string): void {
  if (!holds) throw new EngineError('NotImplemented', `a union over /dev/fuse: ${why}`);
}

function clear(folder: string): void {
  for (const { target } of listMounts()) if (target.startsWith(join(folder, PROBE))) unmount(target, { lazy: true });
  for (const name of readdirSync(folder)) {
    if (name.startsWith(PROBE)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
