import { isKeptXattr, type Toc, type TocEntry } from '../layer/index.ts';
import type { Digest } from '../oci/index.ts';
import { EngineError } from '../std/index.ts';

const MODES = 0o7777;

/**
 * Holds a table of contents that came from elsewhere against what our own pass over a layer would make: a tree, whose data lies in the tar. What is
 * in it is judged later, when the whole layer is here. DataLoss for anything else.
 */
export function checkToc(toc: Toc, layer: { readonly diffID: Digest; readonly size: number }): void {
  if (toc.diffID !== layer.diffID) throw wrong('it is of another layer');
  const kinds = new Map<string, TocEntry['type']>([['', 'directory']]);
  for (const entry of toc.entries) {
    const { path, type } = entry;
    if (path === '') {
      if (kinds.size > 1 || type !== 'directory') throw wrong('its root is no directory');
    } else {
      const slash = path.lastIndexOf('/');
      const name = path.slice(slash + 1);
      if (name === '' || name === '.' || name === '..' || name.includes('\0')) throw wrong('a name that can’t be');
      if (kinds.has(path)) throw wrong('a name twice');
      if (kinds.get(slash < 0 ? '' : path.slice(0, slash)) !== 'directory') throw wrong('a name without its directory');
      kinds.set(path, type);
    }
    checkEntry(entry, layer.size);
  }
  for (const { type, link, linksBelow } of toc.entries)
    if (type === 'hardlink' && !linksBelow && [undefined, 'directory', 'hardlink'].includes(kinds.get(link ?? '')))
      throw wrong('a link to nothing');
}

function checkEntry({ type, mode, uid, gid, size, data, link, xattrs }: TocEntry, tarSize: number): void {
  for (const number of [mode, uid, gid, size])
    if (!Number.isSafeInteger(number) || number < 0) throw wrong('a number that can’t be');
  if (mode > MODES || uid > 0xffffffff || gid > 0xffffffff) throw wrong('a number that can’t be');
  if ((type === 'symlink' || type === 'hardlink') && typeof link !== 'string') throw wrong('a link without a target');
  for (const name of xattrs?.keys() ?? []) if (!isKeptXattr(name)) throw wrong('an attribute that layers do not carry');
  if (!data) return;
  const { offset, length, sparse = [{ offset: 0, length }] } = data;
  const within = (at: number, bytes: number, whole: number): boolean =>
    Number.isSafeInteger(at) && Number.isSafeInteger(bytes) && at >= 0 && bytes >= 0 && at + bytes <= whole;
  if (type !== 'file' || !within(offset, length, tarSize)) throw wrong('data outside of the layer');
  let end = 0;
  let total = 0;
  for (const run of sparse) {
    if (!within(run.offset, run.length, size) || run.offset < end) throw wrong('data outside of its file');
    end = run.offset + run.length;
    total += run.length;
  }
  if (total > length) throw wrong('data outside of its file');
}

function wrong(how: string): EngineError {
  return new EngineError('DataLoss', `the index of a layer is not usable: its table of contents has ${how}`);
}
