import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { type TocEntry, writeLayerImage } from '../../layer/index.ts';
import { unmount } from '../../linux/index.ts';
import { EngineError, isErrno } from '../../std/index.ts';
import { listMounts } from '../mount-table.ts';
import { inUserNamespace } from '../user-namespace.ts';
import { filesOf } from './erofs-layer.ts';
import { mountImage } from './erofs-mount.ts';
import { mountOverlay } from './overlay-mount.ts';

const PROBE = '.probe-';
const PLAIN = { uid: 0, gid: 0, size: 0, mtime: 0n };
const CONTENT = 'below';
const ENTRIES: readonly TocEntry[] = [
  { ...PLAIN, path: '', type: 'directory', mode: 0o755 },
  { ...PLAIN, path: 'file', type: 'file', mode: 0o644, size: CONTENT.length, data: { offset: 512, length: 5 } },
  { ...PLAIN, path: 'again', type: 'directory', mode: 0o755, opaque: true },
];

/**
 * Mounts a small image in `folder`, whose data begins at the second block of 512, and an overlay on it, and reads and writes there. Throws why
 * it does not work; leaves nothing behind, and takes away what a killed probe left.
 */
export function probeErofs(folder: string): void {
  if (process.geteuid?.() !== 0) throw new EngineError('PermissionDenied', 'only root can mount EROFS');
  if (inUserNamespace()) throw new EngineError('PermissionDenied', 'EROFS cannot be mounted in a user namespace');
  clear(folder);
  const place = mkdtempSync(join(folder, PROBE));
  const at = (...names: string[]): string => join(place, ...names);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(at(name));
  try {
    const tar = Buffer.alloc(4096);
    tar.write(CONTENT, 512);
    const files = filesOf(place);
    writeFileSync(files.tar, tar);
    writeLayerImage(ENTRIES, { files, tarSize: tar.length });
    mountOrExplain(files, at('lower'));
    require(readFileSync(at('lower/file'), 'utf8') === CONTENT, 'a file has the wrong content');
    mountOverlay({ folder: place, lowers: ['lower'], upper: { path: 'upper', work: 'work' } }, at('merged'));
    writeFileSync(at('merged/file'), 'above');
    rmSync(at('merged/again'), { recursive: true });
    require(readFileSync(at('upper/file'), 'utf8') === 'above', 'a written file is not copied up');
    require(lstatSync(at('upper/again')).isCharacterDevice(), 'no whiteout is made');
  } finally {
    clear(folder);
  }
}

function mountOrExplain(files: ReturnType<typeof filesOf>, target: string): void {
  try {
    mountImage(files, target, { spilled: false });
  } catch (error) {
    const why = isErrno(error, 'ENODEV')
      ? 'this kernel has no EROFS: load the module erofs'
      : isErrno(error, 'EINVAL', 'ENOTBLK', 'EOPNOTSUPP')
        ? `kernel ${release()} does not read its blocks of 512 bytes: it needs 6.4, or 6.12 to do without loop devices`
        : undefined;
    if (why === undefined) throw error;
    throw new EngineError('NotImplemented', why, { cause: error });
  }
}

function require(holds: boolean, why: string): void {
  if (!holds) throw new EngineError('NotImplemented', `EROFS on this file system: ${why}`);
}

function clear(folder: string): void {
  const left = listMounts().filter(({ target }) => target.startsWith(join(folder, PROBE)));
  for (const { target } of left.toReversed()) unmount(target, { lazy: true });
  for (const name of readdirSync(folder)) {
    if (name.startsWith(PROBE)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
