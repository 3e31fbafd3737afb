import { EngineError } from '../std/index.ts';
import { joinPath, refused } from './names.ts';
import type { TocEntry } from './toc.ts';

/** What bounds one layer's table, so that an endless archive ends early. */
export interface LayerLimits {
  /** Names made, implied directories included. */
  readonly entries: number;
  /** Of a resolved path and of a symlink's target, in UTF-16 units; PATH_MAX by default. */
  readonly pathLength: number;
  readonly pathDepth: number;
}

export const DEFAULT_LIMITS: LayerLimits = { entries: 1_000_000, pathLength: 4096, pathDepth: 512 };

/** How many symlinks one walk follows, as the kernel does: MAXSYMLINKS, linux/namei.h. */
const MAX_LINKS = 40;
const NAME_MAX = 255;

export type Draft = { -readonly [Key in keyof TocEntry]: TocEntry[Key] };

/** Leaves are their bare entries: a node object for each would cost a quarter more memory. */
export type LayerNode = LayerDirectory | Draft;

export interface LayerDirectory {
  entry: Draft;
  readonly children: Map<string, LayerNode>;
}

/** Where a walk arrived: a name, and the directories of this layer that lead to it, as far as they exist. */
export interface Place {
  readonly names: string[];
  /** One more than `names`: the root first; undefined where this layer has no directory of that name. */
  readonly nodes: (LayerDirectory | undefined)[];
}

export function isDirectory(node: LayerNode | undefined): node is LayerDirectory {
  return node !== undefined && 'children' in node;
}

export function entryOf(node: LayerNode): Draft {
  return isDirectory(node) ? node.entry : node;
}

/** All that one layer has made so far. */
export class LayerTree {
  readonly root: LayerDirectory = { entry: impliedDirectory(''), children: new Map() };
  readonly limits: LayerLimits;
  /** Everything ever made, oldest first: ancestors before descendants, link targets before links. */
  readonly #made: LayerNode[] = [];
  readonly #gone = new Set<LayerNode>();
  /** Hard links by the entry that holds the inode. */
  readonly #links = new Map<Draft, Draft[]>();

  constructor(limits: LayerLimits) {
    this.limits = limits;
  }

  /** Follows this layer's symlinks through all of `parts`, never above the root. What is missing is walked as text. */
  walk(parts: readonly string[], entryName: string): Place {
    const names: string[] = [];
    const nodes: (LayerDirectory | undefined)[] = [this.root];
    const rest = parts.toReversed();
    for (let links = 0; ; ) {
      const part = rest.pop();
      if (part === undefined) return { names, nodes };
      if (part === '' || part === '.') continue;
      if (part === '..') {
        if (names.pop() !== undefined) nodes.pop();
        continue;
      }
      const found = nodes.at(-1)?.children.get(part);
      if (isDirectory(found) || found === undefined || found.type === 'whiteout') {
        if (names.push(part) > this.limits.pathDepth)
          throw tooLarge(entryName, `is deeper than ${this.limits.pathDepth}`);
        nodes.push(isDirectory(found) ? found : undefined);
        continue;
      }
      const link = this.#inodeOf(found);
      if (link.type !== 'symlink') throw refused(entryName, `lies below ${found.path}, which is no directory`);
      if (++links > MAX_LINKS) throw refused(entryName, 'lies below a loop of symbolic links');
      const target = link.link as string;
      if (target.startsWith('/')) {
        names.length = 0;
        nodes.length = 1;
      }
      rest.push(...target.split('/').reverse());
    }
  }

  /** What this layer has at a resolved path. */
  find(path: string): LayerNode | undefined {
    let node: LayerNode | undefined = this.root;
    if (path === '') return node;
    for (const part of path.split('/')) node = isDirectory(node) ? node.children.get(part) : undefined;
    return node;
  }

  /** The entry that holds the inode of `entry`: itself but for hard links inside this layer. */
  #inodeOf(entry: Draft): Draft {
    if (entry.type !== 'hardlink' || entry.linksBelow) return entry;
    return entryOf(this.find(entry.link as string) as LayerNode);
  }

  inodeOf(node: LayerNode): Draft {
    return this.#inodeOf(entryOf(node));
  }

  /** The path of a new name in `parent`, within limits. */
  pathFor(parent: LayerDirectory, name: string, entryName: string): string {
    const path = sharedPath(parent.entry.path, name, entryName);
    if (path.length > this.limits.pathLength) throw tooLarge(entryName, `is longer than ${this.limits.pathLength}`);
    if (name.length * 3 > NAME_MAX && Buffer.byteLength(name) > NAME_MAX)
      throw refused(entryName, `has a part longer than ${NAME_MAX} bytes`);
    return path;
  }

  /** Puts an entry where nothing is (left). */
  put(parent: LayerDirectory, name: string, entry: Draft): void {
    if (this.#made.length >= this.limits.entries)
      throw tooLarge(entry.path, `is one more than the ${this.limits.entries} a layer may have`);
    const node: LayerNode = entry.type === 'directory' ? { entry, children: new Map() } : entry;
    parent.children.set(name, node);
    this.#made.push(node);
  }

  /** Notes that `link` shares the inode of `target`, both of this layer. */
  linked(link: Draft, target: Draft): void {
    const links = this.#links.get(target);
    if (links) links.push(link);
    else this.#links.set(target, [link]);
  }

  /** Takes a name out with all below it. Where others share a removed file's inode, the first of them becomes the file. */
  remove(parent: LayerDirectory, name: string): void {
    const node = parent.children.get(name) as LayerNode;
    parent.children.delete(name);
    const inodes: Draft[] = [];
    const pending = [node];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      this.#gone.add(next);
      if (isDirectory(next)) for (const child of next.children.values()) pending.push(child);
      else if (this.#links.has(next)) inodes.push(next);
    }
    for (const inode of inodes) this.#promote(inode);
  }

  #promote(inode: Draft): void {
    const [heir, ...others] = (this.#links.get(inode) ?? []).filter((link) => !this.#gone.has(link));
    this.#links.delete(inode);
    if (!heir) return;
    delete heir.link;
    Object.assign(heir, inode, { path: heir.path });
    for (const other of others) other.link = heir.path;
    if (others.length > 0) this.#links.set(heir, others);
  }

  /** Below an opaque directory there is nothing in lower layers: no metadata for implied directories to take, no names to hide. */
  #forgetHidden(directory: LayerDirectory, hidden: boolean): void {
    if (hidden) delete directory.entry.implied;
    const below = hidden || directory.entry.opaque === true;
    for (const child of directory.children.values()) {
      if (isDirectory(child)) this.#forgetHidden(child, below);
      else if (below && child.type === 'whiteout') this.#gone.add(child);
    }
  }

  /** The finished table: what was overwritten is gone. */
  entries(): TocEntry[] {
    this.#forgetHidden(this.root, false);
    const entries: TocEntry[] = [this.root.entry];
    for (const node of this.#made) if (!this.#gone.has(node)) entries.push(entryOf(node));
    return entries;
  }
}

/** An ancestor that the layer does not name itself. */
export function impliedDirectory(path: string): Draft {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0n, implied: true };
}

/** `parent/name`, cut out of the archive's own text where that says the same: strings put together cost more memory. */
function sharedPath(parent: string, name: string, text: string): string {
  const end = text.endsWith('/') ? text.length - 1 : text.length;
  const start = end - name.length - (parent === '' ? 0 : parent.length + 1);
  const isThere =
    text.startsWith(name, end - name.length) &&
    (parent === '' || (start >= 0 && text.startsWith(parent, start) && text[end - name.length - 1] === '/'));
  return isThere ? text.slice(start, end) : joinPath(parent, name);
}

function tooLarge(entryName: string, why: string): EngineError {
  return new EngineError('ResourceExhausted', `layer entry ${JSON.stringify(shorten(entryName))} ${why}`);
}

function shorten(name: string): string {
  return name.length > 120 ? `${name.slice(0, 117)}…` : name;
}
