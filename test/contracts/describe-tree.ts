import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isKeptXattr } from '../../src/layer/index.ts';
import { readXattrs } from '../../src/linux/index.ts';
import { decodeName, fsPath } from '../../src/std/index.ts';

/**
 * Everything about a tree that a layer carries, one line a name; equal trees give equal maps. The root's time is left out: mounts
 * differ in it. Without `identity` it does not tell which names share an inode; with `wholeSeconds` no fraction of a time.
 */
export function describeTree(
  root: string,
  { identity = true, wholeSeconds = false }: { identity?: boolean; wholeSeconds?: boolean } = {},
): Map<string, string> {
  const lines = new Map<string, string>();
  const firsts = new Map<bigint, string>();
  const visit = (path: string): void => {
    const at = path === '' ? root : `${root}/${path}`;
    const file = lstatSync(fsPath(at), { bigint: true });
    const first = !identity || file.isDirectory() || file.nlink === 1n ? undefined : firsts.get(file.ino);
    if (first === undefined) firsts.set(file.ino, path);
    lines.set(
      path,
      first === undefined ? describe(at, path, file, wholeSeconds ? 1_000_000_000n : 1n) : `link to ${first}`,
    );
    if (!file.isDirectory()) return;
    const names = readdirSync(fsPath(at), { encoding: 'buffer' }).map((name) => decodeName(name));
    for (const name of names.sort()) visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  return lines;
}

function describe(at: string, path: string, file: BigIntStats, precision: bigint): string {
  const xattrs = [...readXattrs(at)]
    .filter(([name]) => isKeptXattr(name))
    .map(([name, value]) => `${name}=${value.toString('hex')}`);
  return [
    (file.mode & 0o177777n).toString(8),
    `${file.uid}:${file.gid}`,
    path === '' ? '' : file.mtimeNs - (file.mtimeNs % precision),
    file.isFile()
      ? `${file.size} ${createHash('sha256')
          .update(readFileSync(fsPath(at)))
          .digest('hex')}`
      : '',
    file.isSymbolicLink() ? decodeName(readlinkSync(fsPath(at), { encoding: 'buffer' })) : '',
    file.isCharacterDevice() || file.isBlockDevice() ? file.rdev : '',
    ...xattrs,
  ].join(' ');
}
