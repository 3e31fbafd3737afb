import type { Attributes, Inode, InodeType } from './file-system.ts';
import type { LayerNode } from './layer-node.ts';
import type { RealNode } from './real-node.ts';

/** What a name is made of: one in the writable layer, or those of the layers below, the top one first; several are directories that merge. */
export interface Parts {
  readonly upper: RealNode | undefined;
  readonly lowers: readonly LayerNode[];
}

/** A handle of a file, as the file itself knows it. */
export interface OpenHandle {
  /** The file was copied up to `path`: it is read there from now on. */
  move(path: string): void;
}

const NONE: ReadonlySet<OpenHandle> = new Set();

/** An inode that somebody knows. */
export class Node implements Inode {
  readonly id: number;
  readonly type: InodeType;
  upper: RealNode | undefined;
  lowers: readonly LayerNode[];
  /** As stat(2) tells it, but for lower files with several names, whose number changes when they are copied up. */
  ino: number;
  /** Where it is known from. Several names lead to one file of the writable layer alone. */
  readonly names: { parent: Node; name: string }[] = [];
  /** Those that somebody knows; of directories. */
  readonly children: Map<string, Node> | undefined;
  #open: Set<OpenHandle> | undefined;
  /** Has no name any more. While it is open, its file in the writable layer is kept under a name in the work folder. */
  removed: { readonly last: Attributes; readonly kept: boolean } | undefined;

  constructor(id: number, type: InodeType, { upper, lowers }: Parts, ino: number) {
    this.id = id;
    this.type = type;
    this.upper = upper;
    this.lowers = lowers;
    this.ino = ino;
    this.children = type === 'directory' ? new Map() : undefined;
  }

  /** The layers' node that bytes, attributes and links are read from. */
  get top(): LayerNode {
    return this.upper ?? (this.lowers[0] as LayerNode);
  }

  /** The one whose metadata counts: not a directory that a layer only passes through. */
  get described(): LayerNode {
    return this.upper ?? this.lowers.find(({ implied }) => !implied) ?? (this.lowers[0] as LayerNode);
  }

  /** Several layers' directories in one. */
  get merges(): boolean {
    return this.lowers.length + (this.upper ? 1 : 0) > 1;
  }

  /** Its handles; most files have none, and there are many. */
  get open(): ReadonlySet<OpenHandle> {
    return this.#open ?? NONE;
  }

  opened(file: OpenHandle): void {
    this.#open ??= new Set();
    this.#open.add(file);
  }

  closed(file: OpenHandle): void {
    this.#open?.delete(file);
    if (this.#open?.size === 0) this.#open = undefined;
  }

  addName(parent: Node, name: string): void {
    this.names.push({ parent, name });
    parent.children?.set(name, this);
  }

  removeName(parent: Node, name: string): void {
    const at = this.names.findIndex((known) => known.parent === parent && known.name === name);
    if (at >= 0) this.names.splice(at, 1);
    if (parent.children?.get(name) === this) parent.children.delete(name);
  }

  /** Whether `other` is this directory or lies below it. */
  contains(other: Node): boolean {
    for (let node: Node | undefined = other; node; node = node.names[0]?.parent) if (node === this) return true;
    return false;
  }
}
