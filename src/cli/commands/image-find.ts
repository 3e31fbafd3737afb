import { imageTables } from '../../engine/index.ts';
import { requireImage } from '../../image/index.ts';
import { EngineError } from '../../std/index.ts';
import { mergeLayers, nodeAt, type UnionNode, walkUnion } from '../../union/index.ts';
import { type Command, command } from '../command.ts';
import { formatRows } from '../format.ts';
import { globPattern } from '../glob-pattern.ts';
import { parseBytes } from '../humanize.ts';

export const imageFind: Command = command({
  args: 'IMAGE [PATH]',
  description: [
    'All conditions have to hold. A size is +N for more than N bytes, -N for less, N for exactly that; 10k and 1m are units of 1024.',
  ],
  examples: ["image find debian:12 /usr --name '*.so*' --size +1m", 'image find app:1 --layer 3 --type file'],
  flags: {
    name: { kind: 'string', metavar: 'GLOB', description: 'Whose last name matches: * ? [a-z]' },
    path: { kind: 'string', metavar: 'GLOB', description: 'Whose whole path matches, * and slashes too' },
    type: {
      kind: 'string',
      description: 'Of this kind, by its word or find’s letter',
      choices: ['f', 'd', 'l', 'c', 'b', 'p', 'file', 'directory', 'symlink', 'character', 'block', 'fifo'],
    },
    size: { kind: 'string', metavar: '[+-]N', description: 'Files of this size' },
    newer: { kind: 'string', metavar: 'TIME|PATH', description: 'Changed after a time, or after a file of the image' },
    layer: { kind: 'number', min: 0, description: 'That this layer brings; 0 is the lowest' },
    perm: { kind: 'string', metavar: 'OCTAL', description: 'That have all of these mode bits: 4000 finds setuid' },
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
  },
  complete: ['image'],
  async run({ args: [name = '', start = '/'], flags, print, engine }) {
    const opened = await engine();
    const { image } = await requireImage(opened.store, name);
    const tree = mergeLayers(await imageTables(opened, image));
    const from = start
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/');
    const root = nodeAt(tree, from);
    if (!root) throw new EngineError('NotFound', `${name} has no ${start}`);
    const wanted = conditionsOf(flags, tree);
    const found: Found[] = [];
    for (const [path, node] of [[from, root] as const, ...walkUnion(root, from)]) {
      const one = { path, node, shown: shownOf(tree, node) };
      if (wanted.every((holds) => holds(one))) found.push(one);
    }
    const text = formatRows(
      found,
      {
        Path: { header: 'PATH', value: ({ path }) => `/${path}` },
        Type: { header: 'TYPE', value: ({ shown }) => shown.type },
        Size: { header: 'SIZE', value: ({ shown }) => String(shown.size) },
        Layer: { header: 'LAYER', value: ({ node }) => String(node.layer) },
        Mode: { header: 'MODE', value: ({ shown }) => shown.mode.toString(8).padStart(4, '0') },
      },
      { table: ['Path'], format: flags.format, heads: false },
    );
    if (text !== '') print(text);
  },
});

type Entry = UnionNode['entry'];

interface Found {
  readonly path: string;
  readonly node: UnionNode;
  /** What the name shows: for a further name of a file that file. */
  readonly shown: Entry;
}

const LETTERS: Readonly<Record<string, string>> = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  c: 'character',
  b: 'block',
  p: 'fifo',
};

function shownOf(tree: UnionNode, { entry }: UnionNode): Entry {
  const other = entry.type === 'hardlink' ? nodeAt(tree, entry.link as string)?.entry : undefined;
  return other && other.type !== 'hardlink' ? other : entry.type === 'hardlink' ? { ...entry, type: 'file' } : entry;
}

interface Wanted {
  readonly name: string | undefined;
  readonly path: string | undefined;
  readonly type: string | undefined;
  readonly size: string | undefined;
  readonly newer: string | undefined;
  readonly layer: number | undefined;
  readonly perm: string | undefined;
}

function conditionsOf(wanted: Wanted, tree: UnionNode): ((found: Found) => boolean)[] {
  const conditions: ((found: Found) => boolean)[] = [];
  const { name, path, type, size, newer, layer, perm } = wanted;
  if (name !== undefined) {
    const pattern = globPattern(name);
    conditions.push((found) => pattern.test(found.path.slice(found.path.lastIndexOf('/') + 1)));
  }
  if (path !== undefined) {
    const pattern = globPattern(path);
    conditions.push((found) => pattern.test(`/${found.path}`));
  }
  if (type !== undefined) conditions.push(({ shown }) => shown.type === (LETTERS[type] ?? type));
  if (size !== undefined) conditions.push(sizeCondition(size));
  if (newer !== undefined) {
    const time = timeOf(newer, tree);
    conditions.push(({ shown }) => shown.mtime > time);
  }
  if (layer !== undefined) conditions.push(({ node }) => node.layer === layer);
  if (perm !== undefined) {
    if (!/^[0-7]{1,4}$/.test(perm)) throw new EngineError('InvalidArgument', `${perm} is no octal mode`);
    const bits = Number.parseInt(perm, 8);
    conditions.push(({ shown }) => (shown.mode & bits) === bits);
  }
  return conditions;
}

function sizeCondition(text: string): (found: Found) => boolean {
  const bytes = parseBytes(text.replace(/^[+-]/, ''));
  const compare = text.startsWith('+')
    ? (size: number) => size > bytes
    : text.startsWith('-')
      ? (size: number) => size < bytes
      : (size: number) => size === bytes;
  return ({ shown }) => shown.type === 'file' && compare(shown.size);
}

/** A date, or the time of a file of the image. */
function timeOf(text: string, tree: UnionNode): bigint {
  const node = text.startsWith('/') ? nodeAt(tree, text) : undefined;
  if (node) return shownOf(tree, node).mtime;
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds))
    throw new EngineError('InvalidArgument', `${text} is neither a file of the image nor a time like 2026-01-31`);
  return BigInt(milliseconds) * 1_000_000n;
}
