import { imageTables } from '../../engine/index.ts';
import { requireImage } from '../../image/index.ts';
import { compareTrees, mergeLayers, type TreeDifference, type UnionNode } from '../../union/index.ts';
import { type Command, command } from '../command.ts';
import { formatRows } from '../format.ts';
import { formatSize } from '../humanize.ts';
import { type Palette, paletteOf } from '../palette.ts';

export const imageDiff: Command = command({
  args: 'IMAGE IMAGE',
  description: [
    '+ is added, ~ is changed, - is removed, each in the second image against the first. The last line is a summary.',
  ],
  flags: {
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json", a line for each' },
    quiet: { kind: 'boolean', short: 'q', description: 'Only print the summary' },
  },
  complete: ['image', 'image'],
  async run({ args: [first = '', second = ''], flags, io, print, engine }) {
    const opened = await engine();
    const treeOf = async (name: string): Promise<UnionNode> =>
      mergeLayers(await imageTables(opened, (await requireImage(opened.store, name)).image));
    const differences = [...compareTrees(await treeOf(first), await treeOf(second))];
    if (flags.format !== undefined) {
      const text = formatRows(differences, COLUMNS, { table: ['Kind', 'Size', 'Path'], format: flags.format });
      if (text !== '') print(text);
      return;
    }
    const palette = paletteOf(io);
    if (!flags.quiet && differences.length > 0) print(differences.map((one) => lineOf(one, palette)).join('\n'));
    print(summaryOf(differences));
  },
});

const MARKS = { added: '+', changed: '~', removed: '-' } as const;
const COLORS = { added: 'green', changed: 'yellow', removed: 'red' } as const;

const COLUMNS = {
  Kind: { header: 'KIND', value: ({ kind }: TreeDifference) => kind },
  Path: { header: 'PATH', value: ({ path }: TreeDifference) => `/${path}` },
  Type: { header: 'TYPE', value: ({ type }: TreeDifference) => type },
  Size: { header: 'SIZE', value: (one: TreeDifference) => formatSize(one.after ?? one.before ?? 0, 3) },
  Before: { header: 'BEFORE', value: ({ before }: TreeDifference) => (before === undefined ? '' : String(before)) },
  After: { header: 'AFTER', value: ({ after }: TreeDifference) => (after === undefined ? '' : String(after)) },
};

function lineOf({ kind, path, type, before, after }: TreeDifference, palette: Palette): string {
  const slash = type === 'directory' ? '/' : '';
  const size =
    kind !== 'changed' || before === after
      ? formatSize(after ?? before ?? 0, 3)
      : `${formatSize(before ?? 0, 3)} → ${formatSize(after ?? 0, 3)}`;
  const shown = type === 'file' ? `  ${palette.dim(size)}` : '';
  return `${palette[COLORS[kind]](`${MARKS[kind]} /${path}${slash}`)}${shown}`;
}

function summaryOf(differences: readonly TreeDifference[]): string {
  const parts = (['added', 'changed', 'removed'] as const).map((kind) => {
    const of = differences.filter((one) => one.kind === kind);
    const bytes = of.reduce((sum, one) => sum + (one.after ?? one.before ?? 0), 0);
    return `${of.length} ${kind} (${formatSize(bytes, 3)})`;
  });
  return parts.join(', ');
}
