import { pruneContainers } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { matchesLabels, momentFilter, parseFilters } from '../filters.ts';
import { formatSize } from '../humanize.ts';

export const containerPrune: Command = command({
  flags: {
    filter: { kind: 'list', description: 'Only containers that match: until=24h, label=KEY' },
    force: { kind: 'boolean', short: 'f', description: 'Do not ask' },
  },
  async run(context) {
    const { flags, print, signal, engine } = context;
    const filters = parseFilters(flags.filter, ['until', 'label']);
    const until = momentFilter(filters, 'until')?.getTime() ?? Number.POSITIVE_INFINITY;
    if (!flags.force && !(await confirm(context, 'WARNING! This will remove all stopped containers.'))) return;
    const { deleted, bytes } = await pruneContainers(await engine(), {
      signal,
      filter: ({ created, labels }) => Date.parse(created) <= until && matchesLabels(filters, labels),
    });
    if (deleted.length > 0) print(['Deleted Containers:', ...deleted, ''].join('\n'));
    print(`Total reclaimed space: ${formatSize(bytes)}`);
  },
});
