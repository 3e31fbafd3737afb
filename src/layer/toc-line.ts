import type { SparseRun } from '../tar/index.ts';
import type { Draft } from './layer-tree.ts';
import type { LayerNodeType, TocEntry } from './toc.ts';

const TYPES: readonly LayerNodeType[] = [
  'file',
  'directory',
  'symlink',
  'hardlink',
  'character',
  'block',
  'fifo',
  'whiteout',
];

/** What most entries don't have. Times and attributes' values are text, so that none loses a bit: nanoseconds in decimal, base64. */
interface Rare {
  link?: string;
  below?: 1;
  device?: readonly [major: number, minor: number];
  xattrs?: Record<string, string>;
  sparse?: readonly number[];
  opaque?: 1;
  implied?: 1;
}

type Line = [
  path: string,
  type: number,
  mode: number,
  uid: number,
  gid: number,
  mtime: string,
  size?: number,
  dataOffset?: number,
  dataLength?: number,
  rare?: Rare,
];

/** An entry as one line of JSON: an array, for files without anything rare cut short. */
export function formatEntry(entry: TocEntry): string {
  const { path, type, mode, uid, gid, mtime, size, data } = entry;
  const line: Line = [path, TYPES.indexOf(type), mode, uid, gid, String(mtime)];
  const rare = rareOf(entry);
  if (size || data || rare) line.push(size);
  if (data || rare) line.push(data?.offset ?? 0, data?.length ?? -1);
  if (rare) line.push(rare);
  return JSON.stringify(line);
}

/** The entry of a line that {@link formatEntry} made. Throws SyntaxError for any other. */
export function parseEntry(line: string): TocEntry {
  const [path, kind, mode, uid, gid, mtime, size = 0, offset = 0, length = -1, rare] = JSON.parse(line) as Line;
  const type = TYPES[kind];
  if (type === undefined || typeof path !== 'string') throw new SyntaxError('no entry of a table of contents');
  const entry: Draft = { path, type, mode, uid, gid, size, mtime: BigInt(mtime) };
  if (length >= 0) entry.data = { offset, length };
  if (!rare) return entry;
  if (rare.link !== undefined) entry.link = rare.link;
  if (rare.below) entry.linksBelow = true;
  if (rare.device) entry.device = { major: rare.device[0], minor: rare.device[1] };
  if (rare.xattrs) {
    entry.xattrs = new Map(Object.entries(rare.xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
  }
  if (rare.sparse) entry.data = { offset, length, sparse: runsOf(rare.sparse) };
  if (rare.opaque) entry.opaque = true;
  if (rare.implied) entry.implied = true;
  return entry;
}

function rareOf({ link, linksBelow, device, xattrs, data, opaque, implied }: TocEntry): Rare | undefined {
  if (link === undefined && !device && !xattrs && !data?.sparse && !opaque && !implied) return undefined;
  const rare: Rare = {};
  if (link !== undefined) rare.link = link;
  if (linksBelow) rare.below = 1;
  if (device) rare.device = [device.major, device.minor];
  if (xattrs) {
    rare.xattrs = Object.create(null) as Record<string, string>;
    for (const [name, value] of xattrs) rare.xattrs[name] = value.toString('base64');
  }
  if (data?.sparse) rare.sparse = data.sparse.flatMap(({ offset, length }) => [offset, length]);
  if (opaque) rare.opaque = 1;
  if (implied) rare.implied = 1;
  return rare;
}

function runsOf(numbers: readonly number[]): SparseRun[] {
  const runs: SparseRun[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) {
    runs.push({ offset: numbers[at] as number, length: numbers[at + 1] as number });
  }
  return runs;
}
