import { AttributeDemand } from './attribute-demand.ts';
import type { FuseAttributes, FuseFileSystem, FuseInode } from './file-system.ts';
import { ListingMemory } from './listing.ts';
import { type Node, NodeTable } from './node.ts';
import { notifyChanged } from './notify.ts';
import { OpenFiles } from './open-files.ts';
import { Refusal } from './refusal.ts';
import type { FuseReply, Told } from './reply.ts';
import type { FuseRequest } from './request.ts';

/** Everything that one mount knows. */
export interface Session {
  /** Descriptor of /dev/fuse. */
  readonly fuse: number;
  readonly fileSystem: FuseFileSystem;
  readonly nodes: NodeTable;
  readonly files: OpenFiles;
  readonly listings: ListingMemory;
  /** Whether those who read directories ask for attributes next. */
  readonly demand: AttributeDemand;
}

/**
 * Answers one kind of request: writes the answer's body, throws what the asker shall get instead. False says that there is no answer, a
 * promise that its bytes come later.
 */
export type Handler = (session: Session, request: FuseRequest, reply: FuseReply) => undefined | false | Promise<Buffer>;

export function openSession(fuse: number, fileSystem: FuseFileSystem): Session {
  return {
    fuse,
    fileSystem,
    nodes: new NodeTable(fileSystem),
    files: new OpenFiles(fuse, fileSystem),
    listings: new ListingMemory(),
    demand: new AttributeDemand(),
  };
}

/** The node that a request is about. */
export function nodeOf({ nodes }: Session, { node }: FuseRequest): Node {
  return nodes.get(node);
}

/** {@link nodeOf}, of a directory. */
export function directoryOf(session: Session, request: FuseRequest): Node {
  const node = nodeOf(session, request);
  if (node.inode.type !== 'directory') throw new Refusal('ENOTDIR');
  return node;
}

/** How a node is told; under a number that is not its own any more nothing may be kept of it. */
export function told(node: Node, epoch: number = node.epoch): Told {
  return { id: node.id, epoch, restless: epoch !== node.epoch };
}

/** Attributes of a node, remembered as told. */
export function attributesOf({ fileSystem }: Session, node: Node): FuseAttributes {
  return remember(node, fileSystem.getattr(node.inode));
}

export function remember(node: Node, attributes: FuseAttributes): FuseAttributes {
  node.size = attributes.size;
  node.mode = attributes.mode;
  node.ino = attributes.ino;
  return attributes;
}

/** Tells the kernel of an inode that a lookup found or a call made. */
export function answerEntry(session: Session, reply: FuseReply, inode: FuseInode): Node {
  const node = session.nodes.grant(inode);
  try {
    reply.entry(attributesOf(session, node), told(node));
    return node;
  } catch (error) {
    forget(session, node.id, 1); // it is not told of it after all
    throw error;
  }
}

export function forget({ nodes, listings }: Session, id: number, count: number): void {
  const gone = nodes.forget(id, count);
  if (gone) listings.drop(gone);
}

/** Takes away what a write or a cut by another than root takes away: set-user-ID, set-group-ID, file capabilities. */
export function dropPrivileges({ fileSystem, fuse }: Session, node: Node): void {
  const mode = withoutPrivileges(node.mode);
  if (mode !== node.mode) {
    remember(node, fileSystem.setattr(node.inode, { mode: mode & 0o7777 }));
    notifyChanged(fuse, node);
  }
  if (!node.capable) return;
  if (fileSystem.getxattr(node.inode, CAPABILITY)) fileSystem.removexattr(node.inode, CAPABILITY);
  node.capable = false;
}

export const CAPABILITY = 'security.capability';

const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o0010;

/** Set-group-ID without group execution means something else, mandatory locking once, and stays. */
function withoutPrivileges(mode: number): number {
  return mode & ~(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0));
}
