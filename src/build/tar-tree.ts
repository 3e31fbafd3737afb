import { createDigester, hexOf } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';
import type { TarEntry } from '../tar/index.ts';
import { listTarFile, readMember, type TarFileMember } from './tar-file.ts';
import { baseOf, joinPath, parentOf, type Tree, type TreeNode, treePath } from './tree.ts';

interface Member {
  readonly node: TreeNode;
  readonly member?: TarFileMember;
}

/** An uncompressed tar on disk as a context: read where it lies, never unpacked. Everything in it is root's. */
export async function tarTree(path: string): Promise<Tree> {
  const members = new Map<string, Member>([['', { node: folder(0n) }]]);
  const children = new Map<string, Set<string>>([['', new Set()]]);
  const add = (at: string, one: Member): void => {
    const parent = parentOf(at);
    if (members.get(parent)?.node.type !== 'directory') add(parent, { node: folder(one.node.mtime) });
    children.get(parent)?.add(baseOf(at));
    members.set(at, one);
    if (one.node.type === 'directory') {
      if (!children.has(at)) children.set(at, new Set());
    } else children.delete(at);
  };
  for (const member of await listTarFile(path)) {
    const { entry } = member;
    const at = treePath(entry.name);
    if (at === '') continue;
    if (entry.type !== 'hardlink') {
      add(at, { node: nodeOf(entry, at), member });
      continue;
    }
    const target = members.get(treePath(entry.linkName ?? ''));
    if (!target)
      throw new EngineError(
        'InvalidArgument',
        `the context's ${entry.name} is a hard link to ${entry.linkName}, which is not in it`,
      );
    add(at, target);
  }
  const requireMember = (at: string): TarFileMember => {
    const member = members.get(at)?.member;
    if (!member) throw new EngineError('NotFound', `no file ${at}`);
    return member;
  };
  return {
    node: (at) => (isReachable(members, at) ? members.get(at)?.node : undefined),
    names: (at) => [...(children.get(at) ?? [])].sort(),
    open: (at) => readMember(path, requireMember(at)),
    async digest(at) {
      const digester = createDigester();
      for await (const chunk of readMember(path, requireMember(at))) digester.update(chunk);
      return hexOf(digester.digest());
    },
  };
}

/** A later member may have put a file where a folder was. */
function isReachable(members: ReadonlyMap<string, Member>, at: string): boolean {
  for (let up = parentOf(at); up !== ''; up = parentOf(up))
    if (members.get(up)?.node.type !== 'directory') return false;
  return true;
}

function folder(mtime: bigint): TreeNode {
  return { type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime };
}

function nodeOf(entry: TarEntry, at: string): TreeNode {
  const { type, mode, size, mtime, linkName, device } = entry;
  return {
    type: type === 'hardlink' ? 'file' : type,
    mode,
    uid: 0,
    gid: 0,
    size,
    mtime,
    ...(linkName !== undefined && { link: linkName }),
    ...(device && { device }),
    ...(type === 'file' && { inode: joinPath('', at) }),
  };
}
