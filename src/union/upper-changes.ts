import { chmodSync, lchownSync, linkSync, mkdirSync, renameSync, rmdirSync, truncateSync, unlinkSync } from 'node:fs';
import { AT_FDCWD, changeTimesAt } from '../linux/index.ts';
import { fsPath } from '../std/index.ts';
import { copyDirectory, copyFile, copyFileLater, copySpecial, setTimes } from './copy-up.ts';
import { errnoError } from './errno.ts';
import type { AttributeChanges, Attributes, NewNode, Owner } from './file-system.ts';
import type { Node } from './node.ts';
import { RealNode, statsAt } from './real-node.ts';
import { requireName, type UnionTree } from './tree.ts';
import type { UpperFolder } from './upper-folder.ts';

const S_ISGID = 0o2000;
const SPECIAL = 0o7000;

/** What changes the tree, all of it in the writable layer: the writing half of the file system but for {@link renameNode}. */
export class UpperChanges {
  readonly tree: UnionTree;
  readonly upper: UpperFolder;

  constructor(tree: UnionTree, upper: UpperFolder) {
    this.tree = tree;
    this.upper = upper;
  }

  /** The node in the writable layer, copied there first where it is not; `empty` leaves a file's bytes out. */
  copyUp(node: Node, options: { readonly empty?: boolean } = {}): RealNode {
    if (node.upper) return node.upper;
    if (node.top.remote && !options.empty) throw errnoError('EAGAIN', 'copy-up');
    const aside = this.upper.aside();
    const original = { node: node.top, described: node.described };
    try {
      if (node.type === 'directory') copyDirectory(original, aside, this.upper);
      else if (node.type === 'file') copyFile(original, aside, this.upper, options);
      else copySpecial(original, aside, this.upper);
      return this.#place(node, aside);
    } catch (error) {
      this.upper.discard(aside);
      throw error;
    }
  }

  async copyUpLater(node: Node): Promise<void> {
    if (node.upper || !node.top.remote) return;
    const aside = this.upper.aside();
    try {
      await copyFileLater({ node: node.top, described: node.described }, aside, this.upper);
      if (!node.upper) this.#place(node, aside);
      else this.upper.discard(aside); // somebody was faster, or cut it off
    } catch (error) {
      this.upper.discard(aside);
      throw error;
    }
  }

  /** The finished copy takes the node's place; that of a removed one stays where it was made. */
  #place(node: Node, aside: string): RealNode {
    const { marks } = this.upper;
    const [place] = node.names;
    const path = place ? `${this.copyUp(place.parent).path}/${place.name}` : aside;
    if (place) {
      const folder = place.parent.upper as RealNode;
      const before = folder.attributes();
      renameSync(aside, fsPath(path));
      setTimes(folder.path, before); // nobody has changed the directory
      folder.changed();
    }
    const upper = RealNode.at(path, marks) as RealNode;
    if (node.type !== 'directory') {
      // Several names below part here: each copy is a file of its own.
      if (node.top.attributes().nlink > 1) node.ino = this.tree.numbers.numberOf(upper.device, upper.ino);
      else this.tree.numbers.keep(upper.device, upper.ino, node.ino);
      node.lowers = [];
    }
    node.upper = upper;
    if (node.removed) node.removed = { ...node.removed, kept: true };
    for (const file of node.open) file.move(path);
    return upper;
  }

  /** Makes a name that is not there. `make` gets the path to make it at and what finishes it. */
  make(directory: Node, name: string, make: (path: string) => void): Node {
    this.requireFree(directory, name);
    const path = `${this.copyUp(directory).path}/${name}`;
    this.upper.put(path, make);
    directory.upper?.changed();
    return this.tree.adopt(directory, name, path);
  }

  makeDirectory(directory: Node, name: string, node: NewNode): Node {
    return this.make(directory, name, (path) => {
      mkdirSync(fsPath(path), { mode: node.mode & 0o1777 });
      this.finish(path, directory, { ...node, mode: node.mode & 0o1777 });
      // Nothing is below it; said so, lookups in it need not ask.
      if (directory.lowers.length > 0) this.upper.marks.setOpaque(path);
    });
  }

  requireFree(directory: Node, name: string): void {
    requireName(name);
    if (this.tree.lookup(directory, name)) throw errnoError('EEXIST', 'create', name);
    if (directory.removed) throw errnoError('ENOENT', 'create', name);
  }

  /** Owner and mode of what was just made at `path` by this process, with its umask, maybe in the work folder. */
  finish(path: string, directory: Node, { mode, owner }: { mode?: number; owner?: Owner | undefined }): void {
    const parent = directory.described.attributes();
    const inherits = (parent.mode & S_ISGID) !== 0;
    const isOthers = owner && (owner.uid !== process.geteuid?.() || owner.gid !== process.getegid?.());
    if (inherits) lchownSync(fsPath(path), owner?.uid ?? -1, parent.gid);
    else if (isOthers) lchownSync(fsPath(path), owner.uid, owner.gid);
    if (mode === undefined || !(inherits || (mode & process.umask()) !== 0 || (mode & SPECIAL) !== 0)) return;
    const isDirectory = inherits && statsAt(path)?.isDirectory();
    chmodSync(fsPath(path), (mode & 0o7777) | (isDirectory ? S_ISGID : 0));
  }

  link(node: Node, directory: Node, name: string): void {
    if (node.type === 'directory') throw errnoError('EPERM', 'link', name);
    this.requireFree(directory, name);
    if (node.removed) throw errnoError('ENOENT', 'link', name);
    const { path } = this.copyUp(node);
    this.upper.put(`${this.copyUp(directory).path}/${name}`, (to) => linkSync(fsPath(path), fsPath(to)));
    directory.upper?.changed();
    node.upper?.changed();
    node.addName(directory, name);
    this.tree.share(node);
  }

  unlink(directory: Node, name: string): void {
    const node = this.require(directory, name);
    if (node.type === 'directory') throw errnoError('EISDIR', 'unlink', name);
    const path = `${this.copyUp(directory).path}/${name}`;
    const last = this.tree.attributes(node);
    const kept = this.keepOpen(node);
    if (this.tree.isBelow(directory, name)) this.upper.whiteout(path);
    else unlinkSync(fsPath(path));
    directory.upper?.changed();
    this.detach(node, directory, name, { last, kept });
  }

  rmdir(directory: Node, name: string): void {
    const node = this.require(directory, name);
    if (node.type !== 'directory') throw errnoError('ENOTDIR', 'rmdir', name);
    if (this.tree.names(node).length > 0) throw errnoError('ENOTEMPTY', 'rmdir', name);
    const path = `${this.copyUp(directory).path}/${name}`;
    const last = this.tree.attributes(node);
    if (node.upper) this.upper.clear(path);
    if (!this.tree.isBelow(directory, name)) rmdirSync(fsPath(path));
    else if (node.upper) this.upper.whiteoutDirectory(path);
    else this.upper.whiteout(path);
    directory.upper?.changed();
    this.detach(node, directory, name, { last, kept: false });
  }

  require(directory: Node, name: string): Node {
    const node = this.tree.lookup(directory, name);
    if (!node) throw errnoError('ENOENT', 'lookup', name);
    return node;
  }

  /** Keeps an open file's only name in the work folder: what is done to it goes by path. */
  keepOpen(node: Node): boolean {
    if (!node.upper || node.open.size === 0 || node.names.length > 1) return false;
    const aside = this.upper.aside();
    linkSync(fsPath(node.upper.path), aside);
    node.upper.path = aside;
    return true;
  }

  /** The name is gone. */
  detach(node: Node, directory: Node, name: string, removed: { last: Attributes; kept: boolean }): void {
    node.upper?.changed();
    node.removeName(directory, name);
    const [other] = node.names;
    if (other) {
      if (node.upper) node.upper.path = `${other.parent.upper?.path}/${other.name}`;
      return;
    }
    node.removed = removed;
    if (!removed.kept) this.#gone(node, removed.last);
  }

  #gone(node: Node, last: Attributes): void {
    if (!node.upper) return;
    this.tree.unshare(node);
    if (node.type === 'directory' || last.nlink <= 1) this.tree.numbers.drop(node.upper.device, node.upper.ino);
  }

  /** The last handle of a file without a name is closed. */
  release(node: Node): void {
    if (!node.removed?.kept || node.open.size > 0 || !node.upper) return;
    const last = this.tree.attributes(node);
    this.upper.discard(node.upper.path);
    node.removed = { last, kept: false };
    this.#gone(node, last);
  }

  setAttributes(node: Node, { mode, uid, gid, size, atime, mtime }: AttributeChanges): void {
    if (size !== undefined && node.type !== 'file')
      throw errnoError(node.type === 'directory' ? 'EISDIR' : 'EINVAL', 'truncate');
    if (mode !== undefined && node.type === 'symlink') throw errnoError('EOPNOTSUPP', 'chmod');
    this.requireThere(node);
    const upper = this.copyUp(node, { empty: size === 0 });
    const path = fsPath(upper.path);
    upper.changed();
    if (size !== undefined) truncateSync(path, size);
    if (uid !== undefined || gid !== undefined) lchownSync(path, uid ?? -1, gid ?? -1);
    if (mode !== undefined) chmodSync(path, mode & 0o7777); // after the owner: chown(2) drops setuid
    if (atime !== undefined || mtime !== undefined) changeTimesAt(AT_FDCWD, upper.path, atime, mtime);
  }

  requireThere(node: Node): void {
    if (node.removed && !node.removed.kept && (node.upper || node.type === 'directory'))
      throw errnoError('ESTALE', 'change');
  }
}
