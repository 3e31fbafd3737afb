import { type BigIntStats, closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { isKeptXattr } from '../layer/index.ts';
import {
  AT_FDCWD,
  chmodAt,
  chownAt,
  cloneFile,
  linkAt,
  makeDevice,
  mkdirAt,
  mknodAt,
  readXattrs,
  setXattr,
  splitDevice,
  symlinkAt,
  utimesAt,
} from '../linux/index.ts';
import { decodeName, fsPath } from '../std/index.ts';
import { copyContent } from './copy-content.ts';

/** Names in the copy of files that have several in the original, by inode. */
type Linked = Map<bigint, string>;

/**
 * Copies the tree `from` onto the empty folder `to`, blocking its thread: content (shared with the original where the file system
 * can), holes, hard links inside the tree, owners, modes, extended attributes, times to the nanosecond, devices. Both trees are this
 * program's own, at rest, in folders that nobody else can enter: names are not walked with distrust here.
 */
export function copyTree(from: string, to: string): void {
  const root = lstatSync(fsPath(from), { bigint: true });
  copyFolder(from, to, root, { linked: new Map(), device: root.dev });
}

interface Copying {
  readonly linked: Linked;
  /** Of the tree; what is mounted inside it is not copied. */
  readonly device: bigint;
}

function copyFolder(from: string, to: string, folder: BigIntStats, copying: Copying): void {
  for (const bytes of readdirSync(fsPath(from), { encoding: 'buffer' })) {
    const name = decodeName(bytes);
    copyNode(`${from}/${name}`, `${to}/${name}`, copying);
  }
  copyMetadata(from, to, folder); // last: what came into it changed its time
}

function copyNode(from: string, to: string, copying: Copying): void {
  const node = lstatSync(fsPath(from), { bigint: true });
  if (node.nlink > 1n && !node.isDirectory()) {
    const first = copying.linked.get(node.ino);
    if (first !== undefined) {
      linkAt(AT_FDCWD, first, AT_FDCWD, to);
      return;
    }
    copying.linked.set(node.ino, to);
  }
  if (node.isDirectory()) {
    mkdirAt(AT_FDCWD, to, 0o700);
    if (node.dev === copying.device) copyFolder(from, to, node, copying);
    return;
  }
  if (node.isFile()) {
    copyFile(from, to, node);
  } else if (node.isSymbolicLink()) {
    symlinkAt(decodeName(readlinkSync(fsPath(from), { encoding: 'buffer' })), AT_FDCWD, to);
  } else {
    const { major, minor } = splitDevice(node.rdev);
    mknodAt(AT_FDCWD, to, Number(node.mode & BigInt(constants.S_IFMT)) | 0o600, makeDevice(major, minor));
  }
  copyMetadata(from, to, node);
}

function copyFile(from: string, to: string, file: BigIntStats): void {
  const source = openSync(fsPath(from), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const target = openSync(fsPath(to), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      if (file.size > 0n && !cloneFile(target, source)) copyContent(source, target, file);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/** Owner first, since chown drops set-user-ID and file capabilities; time last. */
function copyMetadata(from: string, to: string, node: BigIntStats): void {
  chownAt(AT_FDCWD, to, Number(node.uid), Number(node.gid));
  if (!node.isSymbolicLink()) chmodAt(AT_FDCWD, to, Number(node.mode) & 0o7777);
  for (const [name, value] of readXattrs(from)) if (isKeptXattr(name)) setXattr(to, name, value); // labels are the host's
  utimesAt(AT_FDCWD, to, node.atimeNs, node.mtimeNs);
}
