import { join } from 'node:path';
import { EngineError, randomHex } from '../std/index.ts';
import type { TarEntry } from '../tar/index.ts';
import type { Placing } from './place.ts';
import type { Selected } from './select.ts';
import type { Session } from './session.ts';
import { isTar, listTarFile, readMember, spool, type TarFileMember } from './tar-file.ts';
import { joinPath, parentOf, resolvePath, type Tree, type TreeNode } from './tree.ts';

/** Whether a source is a tar, compressed or not: by its content, as docker looks. */
export async function isArchive({ tree, entries, isDirectory }: Selected): Promise<boolean> {
  const [entry] = entries;
  return !isDirectory && entry?.node.type === 'file' && entry.node.size > 0 && (await isTar(tree.open(entry.path)));
}

/** Puts what an archive holds into the directory `destination`, as tar(1) would there: links that are in the way are followed inside. */
export async function addArchive(
  { scratch }: Session,
  placing: Placing,
  { tree, entries }: Selected,
  destination: string,
): Promise<void> {
  const [source] = entries;
  if (!source) return;
  const file = join(scratch, `add-${randomHex(8)}.tar`);
  await spool(tree.open(source.path), file);
  const members = await listTarFile(file);
  const content = membersTree(file, members);
  const target = placing.directory(destination);
  const placed = new Map<string, { path: string; node: TreeNode; from: string }>();
  for (const [index, { entry }] of members.entries()) {
    const name = cleanName(entry);
    const parent = placing.directory(resolvePath(placing, joinPath(target, parentOf(name))));
    const path = name === '' ? target : joinPath(parent, name.slice(parentOf(name).length).replace(/^\//, ''));
    if (name === '' && entry.type !== 'directory') continue;
    if (entry.type === 'hardlink') {
      const first = placed.get(cleanName({ ...entry, name: entry.linkName ?? '' }));
      if (!first)
        throw new EngineError(
          'InvalidArgument',
          `the archive's ${entry.name} is a hard link to ${entry.linkName}, which is not in it`,
        );
      placing.replace(path, first.node, { tree: content, path: first.from });
      placed.set(name, { ...first, path });
      continue;
    }
    const node = nodeOf(entry, `${file}:${index}`);
    placing.replace(path, node, { tree: content, path: String(index) });
    placed.set(name, { path, node, from: String(index) });
  }
}

/** Names lead nowhere above the destination. */
function cleanName({ name }: Pick<TarEntry, 'name'>): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined)
      throw new EngineError(
        'InvalidArgument',
        `the archive's ${JSON.stringify(name)} leads out of where it is unpacked`,
      );
  }
  return parts.join('/');
}

function membersTree(file: string, members: readonly TarFileMember[]): Tree {
  return {
    node: () => undefined,
    names: () => [],
    open: (path) => readMember(file, members[Number(path)] as TarFileMember),
    digest: async () => '',
  };
}

function nodeOf(entry: TarEntry, inode: string): TreeNode {
  const { type, mode, uid, gid, size, mtime, linkName, device, xattrs } = entry;
  return {
    type: type === 'hardlink' ? 'file' : type,
    mode,
    uid,
    gid,
    size,
    mtime,
    ...(linkName !== undefined && { link: linkName }),
    ...(device && { device }),
    ...(xattrs && { xattrs }),
    ...(type === 'file' && { inode }),
  };
}
