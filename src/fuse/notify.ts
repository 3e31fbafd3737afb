import { writeSync } from 'node:fs';
import { isErrno } from '../std/index.ts';
import type { Node } from './node.ts';
import { NOTIFY_INVAL_INODE, OUT_HEADER } from './protocol.ts';

const message = Buffer.alloc(OUT_HEADER + 24);

/** Tells the kernel that the attributes it keeps of a node are none any more; what it holds of the content stays. */
export function notifyChanged(fuse: number, node: Node, epoch: number = node.epoch): void {
  message.writeUInt32LE(message.length, 0);
  message.writeInt32LE(NOTIFY_INVAL_INODE, 4);
  message.writeUInt32LE(node.id, 16);
  message.writeUInt32LE(epoch, 20);
  message.writeBigInt64LE(-1n, 24); // no content
  try {
    writeSync(fuse, message);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error; // the kernel has forgotten it: nothing is kept
  }
}
