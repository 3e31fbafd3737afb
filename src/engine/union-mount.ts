import { closeSync, constants, mkdirSync, openSync, realpathSync, rmSync, statSync } from 'node:fs';
import { MountFlag, mount, unmount } from '../linux/index.ts';
import { inUserNamespace, listMounts, mountUnion } from '../snapshot/index.ts';
import { EngineError, fsPath, isErrno } from '../std/index.ts';

/** `overlay` is the kernel's own, `fuse` a server of ours that works where that is refused. */
export type UnionDriver = 'overlay' | 'fuse';

export interface UniteOptions {
  /** The top one first, as `lowerdir` of mount(8) has them. */
  readonly lowers: readonly string[];
  /** Where changes go; the union is read-only without. Made if it is not there. */
  readonly upper?: string | undefined;
  /** An empty folder of the upper's file system; beside it if absent. */
  readonly work?: string | undefined;
  readonly driver?: UnionDriver | undefined;
}

/** What says that a work folder was made here, and goes with its mount. */
const WORK = '.strata-work';
const PACKABLE = 'index=off,metacopy=off,redirect_dir=off';
/** Longest string of options that mount(2) takes, its NUL included. */
const PAGE = 4096;

/** Shows directories as one tree at `target`. NotFound for what is no directory, PermissionDenied without the right to mount. */
export function uniteDirectories(target: string, { lowers, upper, work, driver = 'overlay' }: UniteOptions): void {
  if (work !== undefined && upper === undefined)
    throw new EngineError('InvalidArgument', 'a work folder is of use with an upper directory only; give --upper too');
  const layers = lowers.map(directoryAt);
  const place = directoryAt(target);
  const writable = upper === undefined ? undefined : writableAt(upper, work);
  try {
    if (driver === 'fuse') {
      mountUnion(place, {
        source: writable?.path ?? (layers[0] as string), // what the mount table shows
        union: { layers: layers.toReversed(), ...(writable && { upper: writable }) },
      });
    } else if (!writable && layers.length === 1) {
      bindReadOnly(layers[0] as string, place);
    } else {
      mountOverlay(layers, writable, place);
    }
  } catch (error) {
    if (writable && work === undefined) rmSync(writable.work, { recursive: true, force: true });
    if (!isErrno(error, 'EPERM', 'EACCES')) throw error;
    throw new EngineError('PermissionDenied', `mounting ${target} needs root, or a user namespace of one's own`, {
      cause: error,
    });
  }
}

/** Ends what {@link uniteDirectories} made; `lazy` while it is in use too. What was written stays in the upper directory. */
export function separateDirectories(target: string, { lazy = false }: { readonly lazy?: boolean } = {}): void {
  const place = realpathSync(target);
  const mounted = listMounts().findLast((one) => one.target === place);
  if (!mounted) throw new EngineError('NotFound', `nothing is mounted at ${target}`);
  try {
    unmount(place, { lazy });
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
    throw new EngineError('Conflict', `${target} is in use; end what uses it, or give --lazy`, { cause: error });
  }
  const work = mounted.type.startsWith('fuse')
    ? `${mounted.source}${WORK}`
    : mounted.options.find((option) => option.startsWith('workdir='))?.slice('workdir='.length);
  if (work?.endsWith(WORK)) rmSync(fsPath(work), { recursive: true, force: true });
}

function directoryAt(path: string): string {
  if (!statSync(fsPath(path), { throwIfNoEntry: false })?.isDirectory())
    throw new EngineError('NotFound', `no directory ${path}`);
  return realpathSync(path);
}

function writableAt(upper: string, work: string | undefined): { path: string; work: string } {
  mkdirSync(upper, { recursive: true });
  const path = realpathSync(upper);
  const beside = work ?? `${path}${WORK}`;
  mkdirSync(beside, { recursive: true, mode: 0o700 });
  return { path, work: realpathSync(beside) };
}

function bindReadOnly(source: string, target: string): void {
  mount(source, target, '', MountFlag.bind);
  mount('', target, '', MountFlag.remount | MountFlag.bind | MountFlag.readOnly);
}

/** Names that the option string can't hold, or not all of them, go through descriptors. */
function mountOverlay(
  lowers: readonly string[],
  upper: { path: string; work: string } | undefined,
  target: string,
): void {
  const opened: number[] = [];
  const byDescriptor = (path: string): string => {
    const fd = openSync(fsPath(path), constants.O_RDONLY | constants.O_DIRECTORY);
    opened.push(fd);
    return `/dev/fd/${fd}`;
  };
  const optionsOf = (nameOf: (path: string) => string): string =>
    [
      `lowerdir=${lowers.map(nameOf).join(':')}`,
      ...(upper ? [`upperdir=${nameOf(upper.path)}`, `workdir=${nameOf(upper.work)}`] : []),
      PACKABLE,
      ...(inUserNamespace() ? ['userxattr'] : []),
    ].join(',');
  try {
    const plain = optionsOf((path) => (/[,:\\]/.test(path) || !path.isWellFormed() ? byDescriptor(path) : path));
    const data = plain.length < PAGE ? plain : optionsOf(byDescriptor);
    mount('overlay', target, 'overlay', upper ? 0 : MountFlag.readOnly, data);
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
