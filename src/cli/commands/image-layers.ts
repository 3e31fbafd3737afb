import { imageTables, listImages } from '../../engine/index.ts';
import { familiarName, type HistoryStep, historyOf, layerSize, requireImage } from '../../image/index.ts';
import type { Digest } from '../../oci/index.ts';
import { type ImageUsage, type LayerUsage, measureLayers } from '../../union/index.ts';
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
  readonly usage: LayerUsage;
}

export const imageLayers: Command = command({
  args: 'IMAGE',
  description: [
    'The oldest layer stands at the bottom, as layers lie: its size, how many names it adds, changes and hides of those below, what of it nobody sees any more, what made it, and which other images stand on it too.',
    'The efficiency is counted as dive counts it. --ci prints it alone and ends with 1 where a threshold is passed.',
  ],
  examples: ['image layers app:1', 'image layers --ci --highest-wasted-bytes 20m app:1'],
  flags: {
    ci: { kind: 'boolean', description: 'Judge the image by the thresholds' },
    lowestEfficiency: { kind: 'decimal', min: 0, max: 1, default: 0.9, description: 'Least efficiency, from 0 to 1' },
    highestWastedBytes: { kind: 'bytes', description: 'Most bytes in names that several layers have' },
    highestWastedPercent: {
      kind: 'decimal',
      min: 0,
      max: 1,
      default: 0.1,
      aliases: ['highest-user-wasted-percent'],
      description: 'Most of those against all layers but the lowest, from 0 to 1',
    },
    top: { kind: 'number', min: 0, default: 0, description: 'Show as many of the costliest names too' },
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    noTrunc: { kind: 'boolean', description: 'Do not truncate' },
  },
  complete: ['image'],
  async run({ args, flags, io, print, engine }) {
    const opened = await engine();
    const { image } = await requireImage(opened.store, args[0] as string);
    const measured = measureLayers(await imageTables(opened, image));
    if (flags.ci) return judge(measured, flags, print);
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
    const rows: LayerRow[] = steps.map(({ step, layer, size }, index) => ({
      usage: measured.layers[index] as LayerUsage,
      step,
      layer,
      sharedBy: [...(users.get(layer.chainID) ?? [])],
      size,
      share: size / largest,
    }));
    const text = formatRows(
      rows.reverse(),
      columnsOf(flags.noTrunc, io.isTerminal.stdout ? Math.max(20, io.columns - 118) : 60),
      {
        table: ['Bar', 'Size', 'Added', 'Changed', 'Hidden', 'Wasted', 'Layer', 'CreatedBy', 'SharedBy'],
        format: flags.format,
      },
    );
    if (text !== '') print(text);
    if (flags.format === undefined) {
      print(`\n${summaryOf(measured)}`);
      for (const { path, bytes, layers } of measured.repeated.slice(0, flags.top))
        print(`${formatSize(bytes, 3).padStart(8)} in ${layers} layers  /${path}`);
    }
    return 0;
  },
});

function summaryOf({ efficiency, wastedBytes, wastedShare }: ImageUsage): string {
  const share = `${(wastedShare * 100).toFixed(1)}% of the layers above the first`;
  return `Efficiency ${(efficiency * 100).toFixed(1)}%, wasted ${formatSize(wastedBytes, 3)} (${share})`;
}

interface Thresholds {
  readonly lowestEfficiency: number;
  readonly highestWastedBytes: number | undefined;
  readonly highestWastedPercent: number;
}

/** Prints how the image does; the exit code. */
function judge(measured: ImageUsage, thresholds: Thresholds, print: (line: string) => void): number {
  const { efficiency, wastedBytes, wastedShare } = measured;
  const { lowestEfficiency, highestWastedBytes, highestWastedPercent } = thresholds;
  const rules: [name: string, passed: boolean, said: string][] = [
    ['lowest-efficiency', efficiency >= lowestEfficiency, `${efficiency.toFixed(4)}, threshold ${lowestEfficiency}`],
    [
      'highest-wasted-percent',
      wastedShare <= highestWastedPercent,
      `${wastedShare.toFixed(4)}, threshold ${highestWastedPercent}`,
    ],
  ];
  if (highestWastedBytes !== undefined)
    rules.push([
      'highest-wasted-bytes',
      wastedBytes <= highestWastedBytes,
      `${wastedBytes}, threshold ${highestWastedBytes}`,
    ]);
  for (const [name, passed, said] of rules) print(`${passed ? 'PASS' : 'FAIL'}  ${name}: ${said}`);
  return rules.every(([, passed]) => passed) ? 0 : 1;
}

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
    Added: { header: 'ADDED', value: ({ usage }) => usage.added.names },
    Changed: { header: 'CHANGED', value: ({ usage }) => usage.changed.names },
    Hidden: { header: 'HIDDEN', value: ({ usage }) => usage.hidden.names },
    Wasted: { header: 'WASTED', value: ({ usage }) => formatSize(usage.wasted, 3) },
    AddedBytes: { header: 'ADDED BYTES', value: ({ usage }) => String(usage.added.bytes) },
    ChangedBytes: { header: 'CHANGED BYTES', value: ({ usage }) => String(usage.changed.bytes) },
    HiddenBytes: { header: 'HIDDEN BYTES', value: ({ usage }) => String(usage.hidden.bytes) },
    WastedBytes: { header: 'WASTED BYTES', value: ({ usage }) => String(usage.wasted) },
    Layer: { header: 'DIFF ID', value: ({ layer }) => (noTrunc ? layer.diffID : layer.diffID.slice(7, 19)) },
    ChainID: { header: 'CHAIN ID', value: ({ layer }) => layer.chainID },
    CreatedBy: { header: 'CREATED BY', value: ({ step }) => shorten(step.createdBy || (step.comment ?? '')) },
    SharedBy: { header: 'SHARED BY', value: ({ sharedBy }) => sharedBy.join(', ') || '-' },
  };
}
