import { constants } from 'node:os';
import { ACCESS_ACL, DEFAULT_ACL } from './acl.ts';
import type { FuseChanges } from './file-system.ts';
import type { Node } from './node.ts';
import { SetattrFlag } from './protocol.ts';
import { Refusal } from './refusal.ts';
import type { FuseReply } from './reply.ts';
import type { FuseRequest } from './request.ts';
import {
  attributesOf,
  CAPABILITY,
  dropPrivileges,
  type Handler,
  nodeOf,
  remember,
  type Session,
  told,
} from './session.ts';

const BILLION = 1_000_000_000n;
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const SETXATTR_ACL_KILL_SGID = 1;
const S_ISGID = 0o2000;

export const getattr: Handler = (session, request, reply) => {
  const node = nodeOf(session, request);
  reply.attributes(attributesOf(session, node), told(node, request.nodeEpoch));
};

export const setattr: Handler = (session, request, reply) => {
  const node = nodeOf(session, request);
  const valid = request.u32(0);
  const changes = changesOf(request, valid);
  if (changes.size !== undefined && changes.size > Number.MAX_SAFE_INTEGER) throw new Refusal('EFBIG');
  if (valid & SetattrFlag.killSuidgid) dropPrivileges(session, node);
  if (changes.uid !== undefined || changes.gid !== undefined) node.capable = true;
  const attributes = remember(node, session.fileSystem.setattr(node.inode, changes));
  reply.attributes(attributes, told(node, request.nodeEpoch));
};

function changesOf(request: FuseRequest, valid: number): FuseChanges {
  return {
    ...(valid & SetattrFlag.mode && { mode: request.u32(68) & 0o7777 }),
    ...(valid & SetattrFlag.uid && { uid: request.u32(76) }),
    ...(valid & SetattrFlag.gid && { gid: request.u32(80) }),
    ...(valid & SetattrFlag.size && { size: request.u64(16) }),
    ...(valid & SetattrFlag.atime && { atime: valid & SetattrFlag.atimeNow ? 'now' : time(request, 32, 56) }),
    ...(valid & SetattrFlag.mtime && { mtime: valid & SetattrFlag.mtimeNow ? 'now' : time(request, 40, 60) }),
  };
}

function time(request: FuseRequest, secondsAt: number, restAt: number): bigint {
  return request.i64(secondsAt) * BILLION + BigInt(request.u32(restAt));
}

export const getxattr: Handler = (session, request, reply) => {
  const node = nodeOf(session, request);
  const { text: name } = request.text(8);
  // The kernel asks for this one at every first write and at every start of a program.
  const capability = name === CAPABILITY;
  const value = capability && !node.capable ? undefined : session.fileSystem.getxattr(node.inode, name);
  if (value) answerBytes(reply, request.u32(0), value);
  else {
    if (capability) node.capable = false;
    reply.fail(constants.errno.ENODATA);
  }
};

export const listxattr: Handler = (session, request, reply) => {
  const node = nodeOf(session, request);
  // Others than root do not see these: xattr(7). Here nobody but us asks for them by name.
  const names = session.fileSystem
    .listxattr(node.inode)
    .filter((name) => request.uid === 0 || !name.startsWith('trusted.'));
  answerBytes(reply, request.u32(0), Buffer.from(names.map((name) => `${name}\0`).join('')));
};

/** A size of 0 asks how much room it takes. */
function answerBytes(reply: FuseReply, room: number, bytes: Buffer): void {
  if (room === 0) {
    reply.u32(bytes.length);
    reply.u32(0);
    return;
  }
  if (bytes.length > room) throw new Refusal('ERANGE');
  reply.bytes(bytes);
}

export const setxattr: Handler = (session, request) => {
  const { fileSystem } = session;
  const node = nodeOf(session, request);
  const [size, flags, more] = [request.u32(0), request.u32(4), request.u32(8)];
  const { text: name, next } = request.text(16);
  const value = Buffer.from(request.bytes(next, size));
  const mode = flags === XATTR_CREATE ? 'create' : flags === XATTR_REPLACE ? 'replace' : undefined;
  fileSystem.setxattr(node.inode, name, value, mode);
  note(session, node, name);
  if (more & SETXATTR_ACL_KILL_SGID && node.mode & S_ISGID)
    remember(node, fileSystem.setattr(node.inode, { mode: node.mode & 0o7777 & ~S_ISGID }));
};

export const removexattr: Handler = (session, request) => {
  const node = nodeOf(session, request);
  const { text: name } = request.text(0);
  session.fileSystem.removexattr(node.inode, name);
  note(session, node, name);
};

/** Forgets what was remembered of attributes that mean more. */
function note(session: Session, node: Node, name: string): void {
  if (name === CAPABILITY) node.capable = true;
  if (name === DEFAULT_ACL) node.defaultAcl = undefined;
  if (name === ACCESS_ACL) attributesOf(session, node); // the mode follows
}
