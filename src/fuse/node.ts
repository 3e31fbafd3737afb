import type { Backing } from './backing.ts';
import type { FuseFileSystem, FuseInode } from './file-system.ts';
import type { Listing } from './listing.ts';
import { ROOT_ID } from './protocol.ts';
import { Refusal } from './refusal.ts';

/** What this server keeps of an inode that the kernel knows. */
export interface Node {
  readonly id: number;
  readonly inode: FuseInode;
  /** How often the kernel was told of it; it says how often it has forgotten. */
  lookups: number;
  /**
   * High word of its node number. To the kernel, a file whose bytes moved to another descriptor while somebody reads the old one by
   * passthrough is another file from then on.
   */
  epoch: number;
  /** Size, mode and inode number as last told. */
  size: number;
  mode: number;
  ino: number;
  /** Whether it may have file capabilities, which a write by another than root takes away. */
  capable: boolean;
  /** A directory's default ACL as its attribute holds it; null where it has none, undefined before anybody asked. */
  defaultAcl: Buffer | null | undefined;
  /** Descriptors open through the kernel's page cache. */
  cached: number;
  /** What the kernel's page cache holds of it may be older than the file. */
  stale: boolean;
  backing: Backing | undefined;
  listing: Listing | undefined;
}

/** The inodes that the kernel knows, by number. */
export class NodeTable {
  readonly #fileSystem: FuseFileSystem;
  readonly #nodes = new Map<number, Node>();

  constructor(fileSystem: FuseFileSystem) {
    this.#fileSystem = fileSystem;
    this.grant(fileSystem.root);
  }

  /** The node of a number in a request; ESTALE for what the kernel can't know. */
  get(id: number): Node {
    const node = this.#nodes.get(id);
    if (!node) throw new Refusal('ESTALE');
    return node;
  }

  /** Counts that the kernel is told of `inode` once more. */
  grant(inode: FuseInode): Node {
    let node = this.#nodes.get(inode.id);
    if (!node) {
      node = {
        id: inode.id,
        inode,
        lookups: 0,
        epoch: 0,
        size: 0,
        mode: 0,
        ino: inode.id,
        capable: true,
        defaultAcl: undefined,
        cached: 0,
        stale: false,
        backing: undefined,
        listing: undefined,
      };
      this.#nodes.set(inode.id, node);
    }
    node.lookups++;
    return node;
  }

  /** Returns the node where the kernel knows it no more. */
  forget(id: number, count: number): Node | undefined {
    const node = this.#nodes.get(id);
    if (!node || id === ROOT_ID) return undefined;
    node.lookups -= count;
    if (node.lookups > 0) return undefined;
    this.#nodes.delete(id);
    this.#fileSystem.forget(node.inode);
    return node;
  }
}
