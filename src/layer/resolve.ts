import type { TarEntry, TarPosition } from '../tar/index.ts';
import {
  DEFAULT_LIMITS,
  type Draft,
  entryOf,
  impliedDirectory,
  isDirectory,
  type LayerDirectory,
  type LayerLimits,
  LayerTree,
} from './layer-tree.ts';
import { cleanName, isAufsName, refused, WHITEOUT, whiteoutIntent } from './names.ts';
import type { TocEntry } from './toc.ts';
import { keptXattrs } from './xattrs.ts';

/**
 * What has to happen to a tree, in order, for it to become the layer. All paths are canonical: no part of them is a symlink of this layer.
 * Entries are lent: a later operation may change them. Metadata of directories is final only in {@link LayerResolver.entries}.
 */
export interface LayerOperations {
  /** A name where this layer has nothing (any more), in a directory of this layer. For a hard link inside the layer, `inode` is its first name. */
  make(entry: TocEntry, inode?: TocEntry): void;
  /** A directory of this layer turns opaque: all that lower layers have below it goes, `made` stays. */
  clear(made: LayerDirectory): void;
  /** Something that this layer made goes, with all below it. */
  remove(entry: TocEntry): void;
}

export interface LayerResolver {
  /** The next member of the archive. Throws InvalidArgument for what no layer may hold, ResourceExhausted beyond the limits. */
  add(entry: TarEntry, position: TarPosition): void;
  /** The layer's table, once all members are added. */
  entries(): TocEntry[];
}

const NOTHING: LayerOperations = { make() {}, clear() {}, remove() {} };

/**
 * Turns the members of a layer's tar, in archive order, into operations on canonical paths and at the end into its table of contents.
 * Pure: names are resolved against the layer's own earlier members alone (image-spec layer.md), since layers merge by name and a
 * symlink of a lower layer is never followed.
 */
export function layerResolver(operations: LayerOperations = NOTHING, limits: Partial<LayerLimits> = {}): LayerResolver {
  const tree = new LayerTree({ ...DEFAULT_LIMITS, ...limits });
  // Members of one directory mostly follow each other: its walk is done once.
  let lastText: string | undefined;
  let lastParent = tree.root;

  function add(member: TarEntry, position: TarPosition): void {
    const { name } = member;
    if (name.includes('\0') || member.linkName?.includes('\0')) throw refused(name, 'holds a NUL');
    const end = name.endsWith('/') ? name.length - 1 : name.length;
    const slash = name.lastIndexOf('/', end - 1);
    const text = name.slice(0, slash + 1);
    const base = name.slice(slash + 1, end);
    if (text !== lastText || base === '' || base === '.' || base === '..' || base.includes('/')) {
      const { parts } = cleanName(name);
      const last = parts.pop();
      if (last === undefined) describeRoot(member);
      if (last === undefined || parts.some(isAufsName)) return;
      lastText = undefined;
      lastParent = enter(parts, name);
      if (last === base) lastText = text; // the text names that very directory: no '..' behind it
      place(lastParent, last, member, position);
    } else {
      place(lastParent, base, member, position);
    }
  }

  /** The directory at `parts`, made as far as the layer has not named it. */
  function enter(parts: readonly string[], entryName: string): LayerDirectory {
    const { names, nodes } = tree.walk(parts, entryName);
    let parent = tree.root;
    for (const [index, name] of names.entries()) parent = nodes[index + 1] ?? imply(parent, name, entryName);
    return parent;
  }

  function imply(parent: LayerDirectory, name: string, entryName: string): LayerDirectory {
    const entry = impliedDirectory(tree.pathFor(parent, name, entryName));
    if (parent.children.has(name)) hideBelow(entry); // a whiteout: what lower layers have is gone, its metadata too
    replace(parent, name, entry);
    return parent.children.get(name) as LayerDirectory;
  }

  function describeRoot(member: TarEntry): void {
    if (member.type !== 'directory') throw refused(member.name, `is the root and would be a ${member.type}`);
    describe(tree.root, draftOf('', member));
  }

  function place(parent: LayerDirectory, last: string, member: TarEntry, position: TarPosition): void {
    if (last.startsWith(WHITEOUT)) {
      const intent = whiteoutIntent(last, member.name);
      if (intent.kind === 'opaque') clear(parent);
      else if (intent.kind === 'whiteout') hide(parent, intent.name, member.name);
      return;
    }
    const path = tree.pathFor(parent, last, member.name);
    if (member.type === 'directory') placeDirectory(parent, last, draftOf(path, member));
    else if (member.type === 'hardlink') placeLink(parent, last, path, member);
    else if (isOverlayWhiteout(member)) hide(parent, last, member.name);
    else replace(parent, last, leafOf(path, member, position));
  }

  function placeDirectory(parent: LayerDirectory, name: string, entry: Draft): void {
    const existing = parent.children.get(name);
    if (existing && !isDirectory(existing)) entry.opaque = true; // a whiteout or a file of this layer hid the directory below
    if (isDirectory(existing)) describe(existing, entry);
    else replace(parent, name, entry);
  }

  function placeLink(parent: LayerDirectory, name: string, path: string, member: TarEntry): void {
    const { parts, escapes } = cleanName(member.linkName ?? '');
    const last = parts.pop();
    if (escapes || last === undefined)
      throw refused(member.name, `links to ${JSON.stringify(member.linkName)}, outside`);
    const { names, nodes } = tree.walk(parts, member.name);
    const found = nodes.at(-1)?.children.get(last);
    const entry = draftOf(path, member);
    const target = found ? tree.inodeOf(found).path : [...names, last].join('/');
    if (target.startsWith(`${path}/`)) throw refused(member.name, `links to ${target}, which it replaces`);
    if (found) {
      linkInside(parent, name, entry, tree.inodeOf(found));
      return;
    }
    if (target === path) throw refused(member.name, 'links to itself');
    if (nodes.some((node) => node?.entry.opaque) || passesWhiteout(names))
      throw refused(member.name, `links to ${target}, which this layer hides`);
    entry.link = target;
    entry.linksBelow = true;
    replace(parent, name, entry);
  }

  function linkInside(parent: LayerDirectory, name: string, entry: Draft, inode: Draft): void {
    if (inode.type === 'directory' || inode.type === 'whiteout')
      throw refused(entry.path, `links to ${inode.path}, a ${inode.type}`);
    const existing = parent.children.get(name);
    if (existing && tree.inodeOf(existing) === inode) return; // they share it already
    const { path: link, mode, uid, gid, size, mtime } = inode;
    Object.assign(entry, { mode, uid, gid, size, mtime, link });
    delete entry.xattrs; // the inode's own
    if (existing) drop(parent, name);
    tree.put(parent, name, entry);
    tree.linked(entry, inode);
    operations.make(entry, inode);
  }

  function passesWhiteout(names: readonly string[]): boolean {
    let node = tree.root;
    for (const name of names) {
      const next = node.children.get(name);
      if (!isDirectory(next)) return next !== undefined;
      node = next;
    }
    return false;
  }

  /** A whiteout hides what is below and nothing of its own layer, whatever the order (image-spec layer.md). */
  function hide(parent: LayerDirectory, name: string, entryName: string): void {
    const existing = parent.children.get(name);
    if (isDirectory(existing)) {
      clear(existing);
      hideBelow(existing.entry);
    } else if (!existing) {
      const path = tree.pathFor(parent, name, entryName);
      replace(parent, name, { path, type: 'whiteout', mode: 0, uid: 0, gid: 0, size: 0, mtime: 0n });
    }
  }

  function clear(directory: LayerDirectory): void {
    if (directory.entry.opaque) return;
    directory.entry.opaque = true;
    operations.clear(directory);
  }

  function describe(directory: LayerDirectory, entry: Draft): void {
    if (directory.entry.opaque) entry.opaque = true;
    directory.entry = entry;
  }

  function replace(parent: LayerDirectory, name: string, entry: Draft): void {
    if (parent.children.has(name)) drop(parent, name);
    tree.put(parent, name, entry);
    operations.make(entry);
  }

  function drop(parent: LayerDirectory, name: string): void {
    const node = parent.children.get(name);
    if (!node) return;
    const entry = { ...entryOf(node) };
    tree.remove(parent, name);
    lastText = undefined; // its walk may have gone through what is dropped
    operations.remove(entry);
  }

  return { add, entries: () => tree.entries() };
}

/** A directory that stands over a whiteout of its own layer has nothing to take its metadata from. */
function hideBelow(entry: Draft): void {
  entry.opaque = true;
  delete entry.implied;
}

function draftOf(path: string, member: TarEntry): Draft {
  const { type, uid, gid, mtime } = member;
  // The largest value is "leave as it is" to chown(2).
  if (!isID(uid) || !isID(gid)) throw refused(member.name, `has owner ${uid}:${gid}`);
  const entry: Draft = { path, type, mode: member.mode & 0o7777, uid, gid, size: 0, mtime };
  const xattrs = keptXattrs(member.xattrs);
  if (xattrs) entry.xattrs = xattrs;
  return entry;
}

function isID(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < 0xffff_ffff;
}

/** Overlay file systems read a 0/0 character device as a whiteout, so that is what it is for every driver. */
function isOverlayWhiteout({ type, device }: TarEntry): boolean {
  return type === 'character' && device?.major === 0 && device.minor === 0;
}

function leafOf(path: string, member: TarEntry, position: TarPosition): Draft {
  const entry = draftOf(path, member);
  const { type, device, sparse } = member;
  if (type === 'symlink') entry.link = symlinkTarget(member);
  if (device && (type === 'character' || type === 'block')) entry.device = device;
  if (type !== 'file') return entry;
  entry.size = member.size;
  const { dataOffset: offset, storedSize: length } = position;
  if (sparse) entry.data = { offset, length, sparse };
  else if (length > 0) entry.data = { offset, length };
  return entry;
}

function symlinkTarget({ name, linkName }: TarEntry): string {
  if (!linkName) throw refused(name, 'is a symbolic link to nothing');
  if (linkName.length > DEFAULT_LIMITS.pathLength - 1) throw refused(name, 'is a symbolic link with too long a target');
  return linkName;
}
