import { constants } from 'node:fs';
import { notifyChanged } from './notify.ts';
import { FSYNC_FDATASYNC, LARGEST_IO, OPEN_KILL_SUIDGID, WRITE_KILL_SUIDGID } from './protocol.ts';
import { Refusal } from './refusal.ts';
import { dropPrivileges, type Handler, nodeOf } from './session.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

export const open: Handler = (session, request, reply) => {
  const node = nodeOf(session, request);
  const before = node.epoch;
  if (request.nodeEpoch !== before) throw new Refusal('ESTALE'); // its name leads elsewhere by now
  try {
    const [how, more] = [request.u32(0), request.u32(4)];
    const { number, flags, backing, writes } = session.files.open(node, how);
    if (how & constants.O_TRUNC) {
      node.size = 0;
      if (more & OPEN_KILL_SUIDGID) dropPrivileges(session, node);
    }
    if (writes) notifyChanged(session.fuse, node); // a copy-up may have changed its number and its links
    reply.open(number, flags, backing);
  } catch (error) {
    if (node.epoch !== before) notifyChanged(session.fuse, node, before);
    throw error;
  }
};

export const release: Handler = (session, request) => {
  session.files.release(request.u64(0));
};

export const read: Handler = (session, request, reply) => {
  const { handle } = session.files.get(request.u64(0));
  const [position, size] = [request.u64(8), Math.min(request.u32(16), LARGEST_IO)];
  if (handle.remote) return readLater(session, handle, { position, size });
  reply.filled(session.fileSystem.read(handle, reply.room(size), position));
  return undefined;
};

async function readLater(
  { fileSystem }: Parameters<Handler>[0],
  handle: Parameters<typeof fileSystem.read>[0],
  { position, size }: { position: number; size: number },
): Promise<Buffer> {
  const into = Buffer.allocUnsafe(size);
  return into.subarray(0, await fileSystem.readLater(handle, into, position));
}

export const write: Handler = (session, request, reply) => {
  const { node, handle } = session.files.get(request.u64(0));
  const [position, size, flags] = [request.u64(8), request.u32(16), request.u32(20)];
  const data = request.bytes(40, size);
  if (flags & WRITE_KILL_SUIDGID) dropPrivileges(session, node);
  reply.u32(session.fileSystem.write(handle, data, position));
  reply.u32(0);
};

export const fsync: Handler = (session, request) => {
  const { node, handle, backing } = session.files.get(request.u64(0));
  if (backing) notifyChanged(session.fuse, node); // what was written through a mapping must show now: msync(2)
  session.fileSystem.fsync(handle, { dataOnly: (request.u32(8) & FSYNC_FDATASYNC) !== 0 });
};

export const fallocate: Handler = (session, request) => {
  const { handle } = session.files.get(request.u64(0));
  session.fileSystem.allocate(handle, request.u32(24), request.u64(8), request.u64(16));
};

export const lseek: Handler = (session, request, reply) => {
  const { handle } = session.files.get(request.u64(0));
  const whence = request.u32(16);
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new Refusal('EINVAL');
  reply.u64(session.fileSystem.seek(handle, request.u64(8), whence === SEEK_DATA ? 'data' : 'hole'));
};

export const statfs: Handler = ({ fileSystem }, _request, reply) => {
  const { blockSize, blocks, freeBlocks, availableBlocks, files, freeFiles, longestName } = fileSystem.statfs();
  for (const count of [blocks, freeBlocks, availableBlocks, files, freeFiles]) reply.u64(count);
  for (const size of [blockSize, longestName, blockSize, 0]) reply.u32(size);
  for (let spare = 0; spare < 6; spare++) reply.u32(0);
};
