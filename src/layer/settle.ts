import { linkAt, utimesAt } from '../linux/index.ts';
import { copyUp } from './copy-up.ts';
import { directoryBelow, type Lower, type Ownership, type Skipped, writeMetadata } from './metadata.ts';
import { baseOf, parentOf } from './names.ts';
import { OpenDirectories, statOf } from './open-directories.ts';
import { removeTreeAt } from './remove-tree.ts';
import type { TocEntry } from './toc.ts';
import { missingTarget } from './tree-writer.ts';

/** What a layer unpacked by itself lacks until those below it are known. Plain data: it crosses threads and can be kept as JSON. */
export interface PendingLayer {
  /** Directories without metadata of their own, ancestors first; '' is the root. */
  readonly impliedDirectories: readonly string[];
  /** Files of lower layers that this one names again, each with all its new names. */
  readonly linksBelow: readonly { readonly below: string; readonly paths: readonly string[] }[];
  /** Where no lower layer has the name, the whiteout has to go: a directory without a counterpart below would list it. */
  readonly whiteouts: readonly string[];
}

export const NOTHING_PENDING: PendingLayer = { impliedDirectories: [], linksBelow: [], whiteouts: [] };

/** What {@link settleLayer} has to do for a layer of these entries. */
export function pendingOf(entries: readonly TocEntry[]): PendingLayer {
  const impliedDirectories: string[] = [];
  const whiteouts: string[] = [];
  const links = new Map<string, { below: string; paths: string[] }>();
  for (const { path, type, link, linksBelow, implied } of entries) {
    if (implied) impliedDirectories.push(path);
    if (type === 'whiteout') whiteouts.push(path);
    if (type !== 'hardlink' || link === undefined) continue;
    if (linksBelow) links.set(path, { below: link, paths: [path] });
    else links.get(link)?.paths.push(path);
  }
  return { impliedDirectories, linksBelow: [...links.values()], whiteouts };
}

/**
 * Completes a layer that was unpacked in form `overlay` before its lower layers: hard links to their files are copied up, directories it only
 * passes through take their metadata, whiteouts of nothing go. `lower` as in `ApplyOptions`. May run again after a crash. Throws InvalidArgument for a link to nothing.
 */
export function settleLayer(
  root: string,
  pending: PendingLayer,
  lower: Lower,
  options: { ownership?: Ownership } = {},
): Skipped {
  const ownership = options.ownership ?? (process.geteuid?.() === 0 ? 'exact' : 'ignore');
  const skipped: Skipped = { devices: 0, xattrs: 0 };
  using directories = new OpenDirectories(root);
  for (const { below, paths } of pending.linksBelow) {
    const [first, ...others] = paths as [string, ...string[]];
    const source = lower(below);
    if (source === undefined) throw missingTarget({ path: first, link: below });
    inPlace(directories, first, (parent, name) => copyUp(source, parent, name, ownership, skipped));
    for (const other of others) {
      const from = directories.get(parentOf(first));
      inPlace(directories, other, (parent, name) => linkAt(from, baseOf(first), parent, name));
    }
  }
  for (const path of pending.whiteouts) if (lower(path) === undefined) inPlace(directories, path, () => {});
  for (const path of pending.impliedDirectories) {
    const metadata = directoryBelow(lower, path);
    if (!metadata) continue;
    directories.trim();
    writeMetadata(directories.get(path), metadata, ownership, skipped);
  }
  return skipped;
}

/** Takes a name away, makes it anew, and gives its directory its times back. */
function inPlace(directories: OpenDirectories, path: string, make: (parent: number, name: string) => void): void {
  directories.trim();
  const parent = directories.get(parentOf(path));
  const { atimeNs, mtimeNs } = statOf(parent);
  removeTreeAt(parent, baseOf(path)); // of a run before that did not end
  make(parent, baseOf(path));
  utimesAt(parent, '', atimeNs, mtimeNs);
}
