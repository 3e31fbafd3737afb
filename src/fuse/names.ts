import { ACCESS_ACL, DEFAULT_ACL, inheritAcl } from './acl.ts';
import type { FuseNewNode } from './file-system.ts';
import type { Node } from './node.ts';
import { Refusal } from './refusal.ts';
import { decodeDevice } from './reply.ts';
import type { FuseRequest } from './request.ts';
import { answerEntry, directoryOf, forget, type Handler, nodeOf, remember, type Session, told } from './session.ts';

const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

export const lookup: Handler = (session, request, reply) => {
  const directory = directoryOf(session, request);
  const found = session.fileSystem.lookup(directory.inode, request.name(0));
  if (!found) reply.noEntry();
  else {
    const { inode } = answerEntry(session, reply, found);
    if (inode.type !== 'directory' && directory.listing) session.demand.missed();
  }
};

export const forgetOne: Handler = (session, request) => {
  forget(session, request.node, request.u64(0));
  return false;
};

export const forgetMany: Handler = (session, request) => {
  const count = request.u32(0);
  for (let i = 0; i < count; i++) forget(session, request.u32(8 + i * 16), request.u64(16 + i * 16));
  return false;
};

export const symlink: Handler = (session, request, reply) => {
  const directory = directoryOf(session, request);
  const name = request.name(0);
  const { next } = request.text(0);
  const { text: target } = request.text(next);
  answerEntry(session, reply, session.fileSystem.symlink(directory.inode, name, target, ownerOf(request)));
};

export const mknod: Handler = (session, request, reply) => {
  const directory = directoryOf(session, request);
  const [mode, device, umask] = [request.u32(0), request.u32(4), request.u32(8)];
  const name = request.name(16);
  const { node, access } = newNode(session, directory, request, { mode, umask });
  const inode = session.fileSystem.mknod(directory.inode, name, { ...node, rdev: decodeDevice(device) });
  if (access) session.fileSystem.setxattr(inode, ACCESS_ACL, access);
  answerEntry(session, reply, inode);
};

export const mkdir: Handler = (session, request, reply) => {
  const directory = directoryOf(session, request);
  const [mode, umask] = [request.u32(0), request.u32(4)];
  const name = request.name(8);
  const { node, access } = newNode(session, directory, request, { mode, umask });
  const inode = session.fileSystem.mkdir(directory.inode, name, node);
  if (access) session.fileSystem.setxattr(inode, ACCESS_ACL, access);
  if (directory.defaultAcl) session.fileSystem.setxattr(inode, DEFAULT_ACL, directory.defaultAcl);
  answerEntry(session, reply, inode);
};

export const create: Handler = (session, request, reply) => {
  const { fileSystem, files, nodes } = session;
  const directory = directoryOf(session, request);
  const [flags, mode, umask] = [request.u32(0), request.u32(4), request.u32(8)];
  const name = request.name(16);
  const made = newNode(session, directory, request, { mode, umask });
  const { inode, handle } = fileSystem.create(directory.inode, name, flags, made.node);
  if (made.access) fileSystem.setxattr(inode, ACCESS_ACL, made.access);
  const node = nodes.grant(inode);
  const attributes = remember(node, fileSystem.getattr(inode));
  node.capable = false;
  const opened = files.add(node, handle, flags);
  reply.entry(attributes, told(node));
  reply.open(opened.number, opened.flags, opened.backing);
};

export const unlink: Handler = (session, request) => {
  session.fileSystem.unlink(directoryOf(session, request).inode, request.name(0));
};

export const rmdir: Handler = (session, request) => {
  session.fileSystem.rmdir(directoryOf(session, request).inode, request.name(0));
};

export const link: Handler = (session, request, reply) => {
  const directory = directoryOf(session, request);
  const { inode } = session.nodes.get(request.u32(0));
  answerEntry(session, reply, session.fileSystem.link(inode, directory.inode, request.name(8)));
};

export const rename: Handler = (session, request) => renameWith(session, request, { flags: 0, namesAt: 8 });

export const rename2: Handler = (session, request) =>
  renameWith(session, request, { flags: request.u32(8), namesAt: 16 });

function renameWith(
  session: Session,
  request: FuseRequest,
  { flags, namesAt }: { flags: number; namesAt: number },
): undefined {
  const from = directoryOf(session, request);
  const to = session.nodes.get(request.u32(0));
  if (to.inode.type !== 'directory') throw new Refusal('ENOTDIR');
  const [name, newName] = request.names(namesAt, 2) as [string, string];
  const mode = flags === 0 ? 'replace' : flags === RENAME_NOREPLACE ? 'keep' : 'exchange';
  if (mode === 'exchange' && flags !== RENAME_EXCHANGE) throw new Refusal('EINVAL');
  session.fileSystem.rename(from.inode, name, to.inode, newName, mode);
}

export const readlink: Handler = (session, request, reply) => {
  const { inode } = nodeOf(session, request);
  reply.text(session.fileSystem.readlink(inode));
};

function ownerOf({ uid, gid }: FuseRequest): { uid: number; gid: number } {
  return { uid, gid };
}

/** How something new in `directory` begins: its mode after the umask, or after the directory's default ACL instead. */
function newNode(
  { fileSystem }: Session,
  directory: Node,
  request: FuseRequest,
  { mode, umask }: { mode: number; umask: number },
): { node: FuseNewNode; access?: Buffer } {
  const owner = ownerOf(request);
  if (directory.defaultAcl === undefined)
    directory.defaultAcl = fileSystem.getxattr(directory.inode, DEFAULT_ACL) ?? null;
  if (!directory.defaultAcl) return { node: { mode: mode & ~umask, owner } };
  const { mode: inherited, access } = inheritAcl(directory.defaultAcl, mode);
  return { node: { mode: inherited, owner }, ...(access && { access }) };
}
