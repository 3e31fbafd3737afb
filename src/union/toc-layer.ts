import type { LayerSource, TocEntry } from '../layer/index.ts';
import { errnoError } from './errno.ts';
import type { Attributes } from './file-system.ts';
import type { Content, LayerName, LayerNode, LayerNodeType } from './layer-node.ts';
import { type SyncLayerSource, TocContent } from './toc-content.ts';

/** A layer by its table of contents, and where its uncompressed tar is read; without a source every name is there but no content. */
export interface TocLayerInput {
  readonly entries: readonly TocEntry[];
  readonly source?: LayerSource | SyncLayerSource;
}

const ROOT = 0;
const TYPE_BITS = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
  whiteout: 0o020000,
} as const;

let layers = 0;

/**
 * A table of contents as a tree. Names lead to places in the table, so that a layer of 100,000 entries costs its maps and no objects.
 * `below` finds what a hard link names that is in a layer further down.
 */
export class TocLayer {
  readonly root: TocNode;
  readonly entries: readonly TocEntry[];
  readonly source: LayerSource | SyncLayerSource | undefined;
  readonly device: string = `toc-${layers++}`;
  readonly below: (path: string) => LayerNode | undefined;
  readonly children: Map<number, Map<string, number>> = new Map([[ROOT, new Map()]]);
  /** How many names an entry has, for those with more than one. */
  readonly links: Map<number, number> = new Map();

  constructor({ entries, source }: TocLayerInput, below: (path: string) => LayerNode | undefined) {
    this.entries = entries[0]?.path === '' ? entries : [IMPLIED_ROOT, ...entries];
    this.source = source;
    this.below = below;
    this.#index();
    this.root = new TocNode(this, ROOT);
  }

  #index(): void {
    let path = '';
    let siblings = this.children.get(ROOT) as Map<string, number>;
    const shared: number[] = [];
    for (let index = 1; index < this.entries.length; index++) {
      const entry = this.entries[index] as TocEntry;
      const slash = entry.path.lastIndexOf('/');
      if (slash < 0 ? path !== '' : slash !== path.length || !entry.path.startsWith(path)) {
        path = slash < 0 ? '' : entry.path.slice(0, slash);
        siblings = this.children.get(this.find(path)) as Map<string, number>;
      }
      siblings.set(entry.path.slice(slash + 1), index);
      if (entry.type === 'directory') this.children.set(index, new Map());
      else if (entry.type === 'hardlink' && !entry.linksBelow) shared.push(index);
    }
    for (const index of shared) {
      const target = this.find(this.entries[index]?.link as string);
      this.links.set(target, (this.links.get(target) ?? 1) + 1);
    }
  }

  /** The place of a path; a table names ancestors before what is below them. */
  find(path: string): number {
    let at = ROOT;
    if (path !== '') for (const name of path.split('/')) at = this.children.get(at)?.get(name) ?? -1;
    return at;
  }
}

const IMPLIED_ROOT: TocEntry = {
  path: '',
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0n,
  implied: true,
};

class TocNode implements LayerNode {
  readonly type: LayerNodeType;
  readonly #layer: TocLayer;
  readonly #index: number;
  /** What is shown: the layer's own entry, or of a layer below what a hard link names there. */
  readonly #below: LayerNode | undefined;

  constructor(layer: TocLayer, name: number) {
    this.#layer = layer;
    const entry = layer.entries[name] as TocEntry;
    this.#index = entry.type === 'hardlink' && !entry.linksBelow ? layer.find(entry.link as string) : name;
    const own = layer.entries[this.#index] as TocEntry;
    if (own.type !== 'hardlink') {
      this.type = own.type;
      return;
    }
    this.#below = layer.below(own.link as string);
    if (!this.#below) throw errnoError('EIO', 'lookup', own.path); // no layer has what it links to: the image is broken
    this.type = this.#below.type;
  }

  get #entry(): TocEntry {
    return this.#layer.entries[this.#index] as TocEntry;
  }

  /** For a directory that the layer only passes through: it takes its metadata from the layer below. */
  get implied(): boolean {
    return this.#entry.implied === true;
  }

  get device(): string {
    return this.#layer.device;
  }

  get ino(): number {
    return this.#index + 1;
  }

  get remote(): boolean {
    if (this.#below) return this.#below.remote;
    const { source } = this.#layer;
    return this.#entry.data !== undefined && source !== undefined && !('readSync' in source);
  }

  attributes(): Attributes {
    const nlink = this.#countLinks();
    const { ino } = this;
    if (this.#below) return { ...this.#below.attributes(), ino, nlink };
    const { type, mode, uid, gid, size, mtime, device, link, data } = this.#entry;
    const kind = type as Exclude<LayerNodeType, 'hardlink'>;
    return {
      ino,
      mode: TYPE_BITS[kind] | mode,
      nlink,
      uid,
      gid,
      size: type === 'symlink' ? Buffer.byteLength(link ?? '') : size,
      blocks: Math.ceil((data?.length ?? 0) / 512),
      ...(device && { rdev: device }),
      atime: mtime,
      mtime,
      ctime: mtime,
    };
  }

  #countLinks(): number {
    const children = this.#layer.children.get(this.#index);
    if (!children) return this.#layer.links.get(this.#index) ?? 1;
    let directories = 0;
    for (const child of children.values()) if (this.#layer.children.has(child)) directories++;
    return 2 + directories;
  }

  link(): string {
    return this.#below ? this.#below.link() : (this.#entry.link as string);
  }

  opaque(): boolean {
    return this.#entry.opaque === true;
  }

  child(name: string): LayerNode | undefined {
    const index = this.#layer.children.get(this.#index)?.get(name);
    return index === undefined ? undefined : new TocNode(this.#layer, index);
  }

  names(): readonly LayerName[] {
    const names: LayerName[] = [];
    for (const [name, index] of this.#layer.children.get(this.#index) ?? []) {
      const { type } = this.#layer.entries[index] as TocEntry;
      names.push({ name, type: type === 'hardlink' ? new TocNode(this.#layer, index).type : type });
    }
    return names;
  }

  xattr(name: string): Buffer | undefined {
    return this.#below ? this.#below.xattr(name) : this.#entry.xattrs?.get(name);
  }

  xattrNames(): readonly string[] {
    return this.#below ? this.#below.xattrNames() : [...(this.#entry.xattrs?.keys() ?? [])];
  }

  open(): Content {
    return this.#below ? this.#below.open() : new TocContent(this.#entry, this.#layer.source);
  }
}
