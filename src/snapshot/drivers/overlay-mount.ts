import { closeSync, openSync, rmSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { MountFlag, mount, mountNew } from '../../linux/index.ts';

/** An overlay to be mounted; all paths are relative to `folder`. */
export interface OverlayMount {
  readonly folder: string;
  /** The top one first. */
  readonly lowers: readonly string[];
  /** Absent for a read-only view. */
  readonly upper?: { readonly path: string; readonly work: string };
  readonly volatile?: boolean;
  readonly userXattr?: boolean;
}

/** Longest value that fsconfig(2) takes. */
const LONGEST_VALUE = 255;
/** Longest string of options that mount(2) takes, its NUL included. */
const PAGE = 4096;
const MOUNT_ATTR_RDONLY = 1;

/**
 * Without these an upper holds index entries, names renamed by a redirect, or metadata without data, and can't be packed as a layer:
 * Documentation/filesystems/overlayfs.rst.
 */
const PACKABLE = ['index=off', 'metacopy=off', 'redirect_dir=off'];

/** Options for mount(8), to be run in `folder` next. */
export function overlayOptions(overlay: OverlayMount): string[] {
  if (overlay.volatile) allowAgain(overlay);
  return optionsFrom(overlay, '', '');
}

/** Mounts in this process: layer by layer where the kernel knows `lowerdir+` (6.5), else by one string of at most a page. */
export function mountOverlay(
  overlay: OverlayMount,
  target: string,
  { classic = !hasLowerdirPlus() }: { classic?: boolean } = {},
): void {
  allowAgain(overlay);
  const folder = openSync(overlay.folder, 'r');
  try {
    if (classic) {
      const data = shortOptions(overlay, folder);
      mount('overlay', target, 'overlay', overlay.upper ? 0 : MountFlag.readOnly, data);
    } else {
      const options = optionsFrom(overlay, near(folder), upperFolder(overlay, LONGEST_VALUE, folder));
      mountNew('overlay', target, options.flatMap(pairsOf), overlay.upper ? 0 : MOUNT_ATTR_RDONLY);
    }
  } finally {
    closeSync(folder);
  }
}

/** Takes away what marks an upper whose last mount was volatile; the kernel refuses it then, though only a stop of the machine lost anything. */
function allowAgain({ folder, upper }: OverlayMount): void {
  if (upper) rmSync(join(folder, upper.work, 'work/incompat/volatile'), { recursive: true, force: true });
}

/** A process has one working directory for all its threads, so what is relative goes through a descriptor. */
function near(folder: number): string {
  return `/dev/fd/${folder}/`;
}

/** The upper's own path where it can be said: it stands in the mount table, where a later process looks for what a killed one left. */
function upperFolder({ folder, upper }: OverlayMount, longest: number, descriptor: number): string {
  const plain = `${folder}/`;
  const special = /[,\\]/; // the kernel reads these as separator and escape, and not the same way in every release
  return special.test(plain) || plain.length + (upper?.work.length ?? 0) > longest ? near(descriptor) : plain;
}

/** All in one page. */
function shortOptions(overlay: OverlayMount, folder: number): string {
  const withUpper = (upper: string): string =>
    optionsFrom(overlay, near(folder), upper)
      .filter((option) => option !== 'ro') // a flag of mount(2)
      .join(',');
  const plain = withUpper(upperFolder(overlay, PAGE, folder));
  return plain.length < PAGE ? plain : withUpper(near(folder));
}

function optionsFrom({ lowers, upper, volatile, userXattr }: OverlayMount, near: string, folder: string): string[] {
  return [
    ...(upper ? [] : ['ro']),
    `lowerdir=${lowers.map((lower) => near + lower).join(':')}`,
    ...(upper ? [`upperdir=${folder}${upper.path}`, `workdir=${folder}${upper.work}`] : []),
    ...PACKABLE,
    ...(userXattr ? ['userxattr'] : []),
    ...(upper && volatile && isKernel(5, 10) ? ['volatile'] : []),
  ];
}

/** An option as the new mount interface takes it: each lower on its own. */
function pairsOf(option: string): [key: string, value?: string][] {
  const at = option.indexOf('=');
  if (at < 0) return [[option]];
  const [key, value] = [option.slice(0, at), option.slice(at + 1)];
  return key === 'lowerdir' ? value.split(':').map((lower) => ['lowerdir+', lower]) : [[key, value]];
}

function hasLowerdirPlus(): boolean {
  return isKernel(6, 5);
}

/** Whether the kernel is of this release or a later one. */
function isKernel(major: number, minor: number): boolean {
  const [own = 0, ownMinor = 0] = release().split('.').map(Number);
  return own > major || (own === major && ownMinor >= minor);
}
