import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readXattrs } from '../linux/index.ts';
import { digestOf } from '../oci/index.ts';
import { type ByteStream, decodeName, fsPath } from '../std/index.ts';
import { encodeEntry, endOfArchive, paddingOf, type TarEntry, type TarType } from '../tar/index.ts';
import { requireStats, sortedNames } from './change-list.ts';
import { joinPath } from './names.ts';
import { isKeptXattr } from './xattrs.ts';

/** A member as tests write it: what is not said has a default. */
export type Member = Partial<TarEntry> & { readonly name: string; readonly content?: string | Buffer };

export function member({ content: _, ...rest }: Member): TarEntry {
  const type: TarType = rest.type ?? 'file';
  const defaults = { mode: type === 'directory' ? 0o755 : 0o644, uid: 0, gid: 0, userName: '', groupName: '' };
  return { ...defaults, type, size: 0, mtime: 1_700_000_000_000_000_000n, ...rest };
}

/** A layer's tar of these members. */
export function tarOf(members: readonly Member[]): Buffer {
  const parts: Buffer[] = [];
  for (const one of members) {
    const content = Buffer.from(one.content ?? '');
    const entry = member(one);
    const size = entry.sparse ? entry.size : content.length;
    const header = { ...entry, size: entry.type === 'file' ? size : 0 };
    parts.push(one.name === '' ? namelessHeader(header) : encodeEntry(header), content, paddingOf(content.length));
  }
  return Buffer.concat([...parts, endOfArchive]);
}

/** A header that no writer makes: the name blanked out, and its one byte taken from the checksum. */
function namelessHeader(entry: TarEntry): Buffer {
  const block = encodeEntry({ ...entry, name: 'x' });
  block[0] = 0;
  const sum = Number.parseInt(block.toString('latin1', 148, 154), 8) - 'x'.charCodeAt(0);
  block.write(sum.toString(8).padStart(6, '0'), 148, 'latin1');
  return block;
}

/** Bytes in chunks of `size`, as a network would bring them. */
export async function* streamOf(bytes: Buffer, size = 65_536): ByteStream & AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** A folder that goes when it is disposed. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'layer-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** All of a tree that a layer records, a line a name, so that two trees compare as values. The root's own times are left out. */
export function describeTree(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  const inodes = new Map<bigint, string>();
  const visit = (path: string): void => {
    const at = joinPath(root, path);
    const stats = requireStats(at);
    const parts = [stats.mode.toString(8), `${stats.uid}:${stats.gid}`];
    if (path !== '') parts.push(String(stats.mtimeNs));
    if (stats.rdev !== 0n) parts.push(`rdev ${stats.rdev}`);
    for (const [name, value] of readXattrs(at)) if (isKeptXattr(name)) parts.push(`${name}=${value.toString('hex')}`);
    if (stats.isSymbolicLink()) parts.push(`-> ${readlink(at)}`);
    if (stats.isFile()) parts.push(digestOf(readFileSync(fsPath(at))));
    if (!stats.isDirectory() && stats.nlink > 1n) {
      const first = inodes.get(stats.ino);
      if (first === undefined) inodes.set(stats.ino, path);
      else parts.push(`= ${first}`);
    }
    found[path] = parts.join(' ');
    if (stats.isDirectory()) for (const name of sortedNames(at)) visit(joinPath(path, name));
  };
  visit('');
  return found;
}

export function readlink(path: string): string {
  return decodeName(readlinkSync(fsPath(path), { encoding: 'buffer' }));
}

export const asRoot: { skip: string | false } = { skip: process.geteuid?.() === 0 ? false : 'needs root' };

test('trees are told apart by what a layer records', () => {
  using one = temporaryFolder();
  using other = temporaryFolder();
  assert.deepEqual(describeTree(one.path), describeTree(other.path));
  chmodSync(other.path, 0o711);
  assert.notDeepEqual(describeTree(one.path), describeTree(other.path));
});
