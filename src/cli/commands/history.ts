import { type HistoryStep, historyOf, layerSize, requireImage } from '../../image/index.ts';
import { type Command, command } from '../command.ts';
import { type Columns, formatRows } from '../format.ts';
import { formatAge, formatSize } from '../humanize.ts';

export const history: Command = command({
  args: 'IMAGE',
  flags: {
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    human: { kind: 'boolean', short: 'H', default: true, description: 'Print sizes and dates as people read them' },
    noTrunc: { kind: 'boolean', description: 'Do not truncate' },
    quiet: { kind: 'boolean', short: 'q', description: 'Only show image IDs' },
  },
  complete: ['image'],
  async run({ args, flags, print, engine }) {
    const { store } = await engine();
    const { image } = await requireImage(store, args[0] as string);
    const steps = await Promise.all(
      historyOf(image)
        .reverse() // the newest first, as docker shows them
        .map(
          async (step): Promise<SizedStep> => ({
            ...step,
            size: step.layer ? await layerSize(store, step.layer, step.layer.diffID) : 0,
          }),
        ),
    );
    const text = formatRows(steps.entries(), columnsOf(image.id, flags), {
      table: ['ID', flags.human ? 'CreatedSince' : 'CreatedAt', 'CreatedBy', 'Size', 'Comment'],
      format: flags.format,
      ...(flags.quiet && { quiet: 'ID' }),
    });
    if (text !== '') print(text);
  },
});

interface SizedStep extends HistoryStep {
  /** Bytes of the layer, uncompressed. */
  readonly size: number;
}

type Row = readonly [index: number, step: SizedStep];

function columnsOf(id: string, { human, noTrunc }: { human: boolean; noTrunc: boolean }): Columns<Row> {
  const truncate = (text: string): string => (noTrunc || text.length <= 45 ? text : `${text.slice(0, 44)}…`);
  return {
    ID: { header: 'IMAGE', value: ([index]) => (index > 0 ? '<missing>' : noTrunc ? id : id.slice(7, 19)) },
    CreatedSince: { header: 'CREATED', value: ([, { created }]) => (created ? formatAge(created) : 'N/A') },
    CreatedAt: { header: 'CREATED AT', value: ([, { created }]) => created?.toISOString() ?? '' },
    CreatedBy: { header: 'CREATED BY', value: ([, { createdBy }]) => truncate(createdBy) },
    Size: {
      header: 'SIZE',
      value: ([, { size }]) => (human ? formatSize(size, 3) : String(size)),
    },
    Comment: { header: 'COMMENT', value: ([, { comment }]) => comment ?? '' },
  };
}
