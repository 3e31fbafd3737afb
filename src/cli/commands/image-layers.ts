import { listImages } from '../../engine/index.ts';
import { familiarName, type HistoryStep, historyOf, layerSize, requireImage } from '../../image/index.ts';
import type { Digest } from '../../oci/index.ts';
import { type Command, command } from '../command.ts';
import { type Columns, formatRows } from '../format.ts';
import { formatSize } from '../humanize.ts';

interface LayerRow {
  readonly step: HistoryStep;
  readonly layer: NonNullable<HistoryStep['layer']>;
  /** Bytes, uncompressed. */
  readonly size: number;
  readonly sharedBy: readonly string[];
  /** Its size against the largest layer's, 0 to 1. */
  readonly share: number;
}

export const imageLayers: Command = command({
  args: 'IMAGE',
  description: [
    'The oldest layer stands at the bottom, as layers lie: its size, what made it, and which other images stand on it too.',
  ],
  flags: {
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    noTrunc: { kind: 'boolean', description: 'Do not truncate' },
  },
  complete: ['image'],
  async run({ args, flags, io, print, engine }) {
    const opened = await engine();
    const { image } = await requireImage(opened.store, args[0] as string);
    const users = new Map<Digest, Set<string>>(); // who stands on which stack of layers
    for (const listed of await listImages(opened)) {
      if (listed.image.id === image.id) continue;
      for (const name of listed.image.chain)
        users.set(
          name,
          (users.get(name) ?? new Set()).add(familiarName(listed.record) ?? listed.image.id.slice(7, 19)),
        );
    }
    const steps = await Promise.all(
      historyOf(image)
        .flatMap((step) => (step.layer ? [{ step, layer: step.layer }] : []))
        .map(async (one) => ({ ...one, size: await layerSize(opened.store, one.layer, one.layer.diffID) })),
    );
    const largest = Math.max(1, ...steps.map(({ size }) => size));
    const rows: LayerRow[] = steps.map(({ step, layer, size }) => ({
      step,
      layer,
      sharedBy: [...(users.get(layer.chainID) ?? [])],
      size,
      share: size / largest,
    }));
    const text = formatRows(
      rows.reverse(),
      columnsOf(flags.noTrunc, io.isTerminal.stdout ? Math.max(20, io.columns - 78) : 60),
      {
        table: ['Bar', 'Size', 'Layer', 'CreatedBy', 'SharedBy'],
        format: flags.format,
      },
    );
    if (text !== '') print(text);
  },
});

const BAR_WIDTH = 16;

/** A bar of eighths of blocks; the smallest layer that is not empty still shows. */
function bar(share: number): string {
  const eighths = Math.max(share > 0 ? 1 : 0, Math.round(share * BAR_WIDTH * 8));
  const rest = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] as string;
  return `${'█'.repeat(eighths >> 3)}${rest}`.padEnd(BAR_WIDTH, '·');
}

function columnsOf(noTrunc: boolean, width: number): Columns<LayerRow> {
  const shorten = (text: string): string => (noTrunc || text.length <= width ? text : `${text.slice(0, width - 1)}…`);
  return {
    Bar: { header: 'LAYER', value: ({ share }) => bar(share) },
    Size: { header: 'SIZE', value: ({ size }) => formatSize(size, 3) },
    Layer: { header: 'DIFF ID', value: ({ layer }) => (noTrunc ? layer.diffID : layer.diffID.slice(7, 19)) },
    ChainID: { header: 'CHAIN ID', value: ({ layer }) => layer.chainID },
    CreatedBy: { header: 'CREATED BY', value: ({ step }) => shorten(step.createdBy || (step.comment ?? '')) },
    SharedBy: { header: 'SHARED BY', value: ({ sharedBy }) => sharedBy.join(', ') || '-' },
  };
}
