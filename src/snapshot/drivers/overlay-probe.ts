import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getXattr, unmount } from '../../linux/index.ts';
import { EngineError } from '../../std/index.ts';
import { listMounts } from '../mount-table.ts';
import { inUserNamespace } from '../user-namespace.ts';
import { mountOverlay } from './overlay-mount.ts';

const PROBE = '.probe-';

/**
 * Mounts a small overlay in `folder` and does what containers do in one: copy-up, deletion, a directory made again. Throws what
 * the first that failed said; leaves nothing behind, and takes away what a killed probe left.
 */
export function probeOverlay(folder: string): void {
  clear(folder);
  const place = mkdtempSync(join(folder, PROBE));
  const at = (...names: string[]): string => join(place, ...names);
  for (const name of ['lower/gone', 'lower/again', 'bottom', 'upper', 'work', 'merged']) {
    mkdirSync(at(name), { recursive: true });
  }
  writeFileSync(at('lower/file'), 'below');
  try {
    const userXattr = inUserNamespace();
    const upper = { path: 'upper', work: 'work' };
    mountOverlay({ folder: place, lowers: ['lower', 'bottom'], upper, userXattr }, at('merged'));
    try {
      writeFileSync(at('merged/file'), 'above');
      rmdirSync(at('merged/gone'));
      rmdirSync(at('merged/again'));
      mkdirSync(at('merged/again'));
    } finally {
      unmount(at('merged'), { lazy: true });
    }
    const whiteout = lstatSync(at('upper/gone'), { throwIfNoEntry: false });
    require(whiteout?.isCharacterDevice() === true && whiteout.rdev === 0, 'no whiteout is made');
    const opaque = getXattr(at('upper/again'), userXattr ? 'user.overlay.opaque' : 'trusted.overlay.opaque');
    require(opaque?.toString('latin1') === 'y', 'no opaque directory is made');
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function require(holds: boolean, why: string): void {
  if (!holds) throw new EngineError('NotImplemented', `overlay on this file system: ${why}`);
}

function clear(folder: string): void {
  for (const { target } of listMounts()) if (target.startsWith(join(folder, PROBE))) unmount(target, { lazy: true });
  for (const name of readdirSync(folder)) {
    if (name.startsWith(PROBE)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
