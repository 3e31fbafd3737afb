import { buildCacheUsage, buildHistory, findBuild, pruneBuildCache } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { momentFilter, parseFilters } from '../filters.ts';
import { formatRows } from '../format.ts';
import { formatAge, formatSize } from '../humanize.ts';

export const builderDu: Command = command({
  flags: { format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' } },
  async run({ flags, print, engine }) {
    const { items, bytes } = await buildCacheUsage(await engine());
    print(
      formatRows(
        items,
        {
          ID: { header: 'ID', value: ({ id }) => id.slice(0, 12) },
          Kind: { header: 'KIND', value: ({ kind }) => kind },
          Size: { header: 'SIZE', value: (item) => formatSize(item.bytes) },
          Shared: { header: 'SHARED', value: ({ shared }) => String(shared) },
          LastUsed: { header: 'LAST USED', value: ({ lastUsed }) => formatAge(lastUsed) },
          Description: { header: 'DESCRIPTION', value: ({ description }) => description.slice(0, 60) },
        },
        { table: ['ID', 'Kind', 'Size', 'Shared', 'LastUsed', 'Description'], format: flags.format },
      ),
    );
    if (flags.format === undefined) print(`Total:\t${formatSize(bytes)}`);
  },
});

export const builderPrune: Command = command({
  flags: {
    all: { kind: 'boolean', short: 'a', description: 'Also what images share, cache mounts, and the history' },
    filter: { kind: 'list', description: 'until=TIME: only what was last used before' },
    force: { kind: 'boolean', short: 'f', description: 'Do not ask' },
    keepStorage: {
      kind: 'bytes',
      aliases: ['max-used-space'],
      description: 'Keep what was used last, up to this size',
    },
  },
  async run(context) {
    const { flags, print, signal, engine } = context;
    const what = flags.all ? 'all that builds keep' : 'what builds keep and no image has';
    if (!flags.force && !(await confirm(context, `WARNING! This will remove ${what}.`))) return;
    const until = momentFilter(parseFilters(flags.filter, ['until']), 'until');
    const { removed, bytes } = await pruneBuildCache(await engine(), {
      all: flags.all,
      signal,
      ...(until && { until }),
      ...(flags.keepStorage !== undefined && { keepBytes: flags.keepStorage }),
    });
    for (const { id } of removed) print(id.slice(0, 12));
    print(`Total reclaimed space: ${formatSize(bytes)}`);
  },
});

export const buildHistoryList: Command = command({
  flags: { format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' } },
  async run({ flags, print, engine }) {
    print(
      formatRows(
        buildHistory(await engine()),
        {
          ID: { header: 'BUILD ID', value: ({ id }) => id },
          Name: { header: 'NAME', value: ({ names }) => names.join(', ') || '-' },
          Status: { header: 'STATUS', value: ({ error }) => (error === undefined ? 'Completed' : 'Error') },
          Created: { header: 'CREATED', value: ({ started }) => formatAge(new Date(started)) },
          Duration: { header: 'DURATION', value: ({ milliseconds }) => `${(milliseconds / 1000).toFixed(1)}s` },
          Cached: {
            header: 'CACHED',
            value: ({ steps }) => `${steps.filter(({ cached }) => cached).length}/${steps.length}`,
          },
          Image: { header: 'IMAGE', value: ({ image }) => image?.slice(7, 19) ?? '-' },
        },
        { table: ['ID', 'Name', 'Status', 'Created', 'Duration', 'Cached', 'Image'], format: flags.format },
      ),
    );
  },
});

export const buildHistoryWhy: Command = command({
  args: '[BUILD] [STEP]',
  description: ['Says of each step of a build, the latest one if none is named, why no earlier result of it fitted.'],
  async run({ args, print, engine }) {
    const [id = 'latest', wanted] = args as [string?, string?];
    const record = findBuild(await engine(), id);
    if (!record) throw new EngineError('NotFound', `no build ${id}; see strata build history ls`);
    const steps = record.steps.filter((step) => wanted === undefined || step.id === wanted);
    if (steps.length === 0) {
      const ids = record.steps.map((step) => step.id).join(', ');
      throw new EngineError('NotFound', `build ${record.id} has no step ${wanted ?? ''}; it has ${ids || 'none'}`);
    }
    for (const { id: step, text, cached, why } of steps)
      print(`${step} ${text}\n  ${cached ? 'cached' : (why ?? 'made')}`);
  },
});
