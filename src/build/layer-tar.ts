import type { ByteStream } from '../std/index.ts';
import { readTar, type TarEntry, type TarInput, writeTar } from '../tar/index.ts';
import type { Placed } from './place.ts';
import { joinPath, type Tree } from './tree.ts';

/** A layer's members in order. The same placed names give the same bytes; names of one inode become hard links. */
function* layerMembers(placed: readonly Placed[], epoch: bigint | undefined): Generator<TarInput> {
  const last = new Map(placed.map((one) => [one.path, one]));
  const inodes = new Map<string, string>();
  for (const one of placed) {
    if (last.get(one.path) !== one) continue; // a later source has the same name
    const { node, from, path } = one;
    const inode = node.inode === undefined ? undefined : `${node.inode} ${node.uid}:${node.gid}:${node.mode}`;
    const first = inode === undefined ? undefined : inodes.get(inode);
    if (inode !== undefined && first === undefined) inodes.set(inode, path);
    const entry = entryOf(one, { epoch, ...(first !== undefined && { hardlink: first }) });
    yield { entry, ...(entry.type === 'file' && from && { content: from.tree.open(from.path) }) };
  }
}

function entryOf(
  { path, node }: Placed,
  { epoch, hardlink }: { epoch: bigint | undefined; hardlink?: string },
): TarEntry {
  const { type, mode, uid, gid, size, mtime, link, device, xattrs } = node;
  const shared = {
    name: path === '' ? '.' : path,
    mode,
    uid,
    gid,
    userName: '',
    groupName: '',
    mtime: epoch !== undefined && mtime > epoch ? epoch : mtime,
  };
  if (hardlink !== undefined) return { ...shared, type: 'hardlink', size: 0, linkName: hardlink };
  return {
    ...shared,
    type,
    size: type === 'file' ? size : 0,
    ...(link !== undefined && { linkName: link }),
    ...(device && { device }),
    ...(xattrs && xattrs.size > 0 && { xattrs }),
  };
}

/** Small members are gathered into chunks of about this many bytes: a write for each header would take far longer. */
const BATCH = 1 << 18;

/** A layer's tar. */
export async function* layerTar(placed: readonly Placed[], epoch?: bigint): ByteStream {
  let batch: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of writeTar(layerMembers(placed, epoch))) {
    batch.push(chunk);
    size += chunk.length;
    if (size < BATCH) continue;
    yield* chunk.length < BATCH ? [Buffer.concat(batch)] : batch; // large ones are not copied
    batch = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(batch);
}

/** All of a tree as a tar. */
export function treeTar(tree: Tree): ByteStream {
  return layerTar([...everything(tree, '')]);
}

function* everything(tree: Tree, folder: string): Generator<Placed> {
  for (const name of tree.names(folder)) {
    const path = joinPath(folder, name);
    const node = tree.node(path);
    if (!node) continue;
    yield { path, node, ...(node.type === 'file' && { from: { tree, path } }) };
    if (node.type === 'directory') yield* everything(tree, path);
  }
}

/** A layer's tar with nothing in it younger than `epoch`, in nanoseconds since 1970. */
export function clampTimes(tar: ByteStream, epoch: bigint): ByteStream {
  return writeTar(clamped(tar, epoch));
}

async function* clamped(tar: ByteStream, epoch: bigint): AsyncGenerator<TarInput> {
  for await (const { entry, content } of readTar(tar)) {
    yield { entry: entry.mtime > epoch ? { ...entry, mtime: epoch } : entry, content };
  }
}
