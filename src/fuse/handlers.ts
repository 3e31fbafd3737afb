import { getattr, getxattr, listxattr, removexattr, setattr, setxattr } from './attributes.ts';
import { fsyncdir, readdir, readdirplus } from './directories.ts';
import { fallocate, fsync, lseek, open, read, release, statfs, write } from './files.ts';
import {
  create,
  forgetMany,
  forgetOne,
  link,
  lookup,
  mkdir,
  mknod,
  readlink,
  rename,
  rename2,
  rmdir,
  symlink,
  unlink,
} from './names.ts';
import { Opcode } from './protocol.ts';
import type { Handler } from './session.ts';

const unanswered: Handler = () => false;

/**
 * Who answers which request. What is missing gives ENOSYS, at which the kernel does it by itself from then on: opening directories, flushing,
 * locks, polling, copying between files.
 */
export const HANDLERS: readonly (Handler | undefined)[] = tableOf([
  [Opcode.lookup, lookup],
  [Opcode.forget, forgetOne],
  [Opcode.getattr, getattr],
  [Opcode.setattr, setattr],
  [Opcode.readlink, readlink],
  [Opcode.symlink, symlink],
  [Opcode.mknod, mknod],
  [Opcode.mkdir, mkdir],
  [Opcode.unlink, unlink],
  [Opcode.rmdir, rmdir],
  [Opcode.rename, rename],
  [Opcode.link, link],
  [Opcode.open, open],
  [Opcode.read, read],
  [Opcode.write, write],
  [Opcode.statfs, statfs],
  [Opcode.release, release],
  [Opcode.fsync, fsync],
  [Opcode.setxattr, setxattr],
  [Opcode.getxattr, getxattr],
  [Opcode.listxattr, listxattr],
  [Opcode.removexattr, removexattr],
  [Opcode.readdir, readdir],
  [Opcode.fsyncdir, fsyncdir],
  [Opcode.create, create],
  [Opcode.interrupt, unanswered], // what blocks is not here
  [Opcode.destroy, () => undefined],
  [Opcode.batchForget, forgetMany],
  [Opcode.fallocate, fallocate],
  [Opcode.readdirplus, readdirplus],
  [Opcode.rename2, rename2],
  [Opcode.lseek, lseek],
]);

function tableOf(handlers: readonly (readonly [number, Handler])[]): (Handler | undefined)[] {
  const table: (Handler | undefined)[] = Array.from({ length: 64 });
  for (const [opcode, handler] of handlers) table[opcode] = handler;
  return table;
}
