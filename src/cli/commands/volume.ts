import { createVolume, inspectVolume, listVolumes, pruneVolumes, removeVolume } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { eachArgument } from '../each-argument.ts';
import { booleanFilter, matchesLabels, matchesName, matchesValue, parseFilters } from '../filters.ts';
import { formatObjects, formatRows } from '../format.ts';
import { formatSize } from '../humanize.ts';

export const volumeCreate: Command = command({
  args: '[NAME]',
  flags: {
    driver: { kind: 'string', short: 'd', choices: ['local'], default: 'local', description: 'Only local' },
    label: { kind: 'map', description: 'Set a label' },
    name: { kind: 'string', hidden: true, description: 'Its name' },
  },
  async run({ args, flags, print, engine }) {
    const name = args[0] ?? flags.name;
    const volume = await createVolume(await engine(), {
      labels: Object.fromEntries(flags.label),
      ...(name !== undefined && { name }),
    });
    print(volume.name);
  },
});

export const volumeList: Command = command({
  flags: {
    filter: { kind: 'list', short: 'f', description: 'Filter by name, label, dangling, driver' },
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    quiet: { kind: 'boolean', short: 'q', description: 'Only show names' },
  },
  async run({ flags, print, engine }) {
    const filters = parseFilters(flags.filter, ['name', 'label', 'dangling', 'driver']);
    const dangling = booleanFilter(filters, 'dangling');
    const rows = (await listVolumes(await engine())).filter(
      ({ name, labels, users }) =>
        matchesName(filters, 'name', name) &&
        matchesLabels(filters, labels) &&
        matchesValue(filters, 'driver', 'local') &&
        (dangling === undefined || dangling === (users.length === 0)),
    );
    const text = formatRows(
      rows,
      {
        Driver: { header: 'DRIVER', value: () => 'local' },
        Name: { header: 'VOLUME NAME', value: ({ name }) => name },
        Mountpoint: { header: 'MOUNTPOINT', value: ({ mountpoint }) => mountpoint },
        Scope: { header: 'SCOPE', value: () => 'local' },
        Labels: {
          header: 'LABELS',
          value: ({ labels }) =>
            Object.entries(labels)
              .map(([key, value]) => `${key}=${value}`)
              .join(','),
        },
        Links: { header: 'LINKS', value: ({ users }) => String(users.length) },
      },
      { table: ['Driver', 'Name'], format: flags.format, ...(flags.quiet && { quiet: 'Name' }) },
    );
    if (text !== '') print(text);
  },
});

export const volumeInspect: Command = command({
  args: 'VOLUME [VOLUME...]',
  flags: { format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' } },
  complete: ['volume'],
  async run({ args, flags, print, engine }) {
    const opened = await engine();
    const shown = await Promise.all(args.map((name) => inspectVolume(opened, name)));
    print(flags.format === undefined ? JSON.stringify(shown, undefined, 4) : formatObjects(shown, flags.format));
  },
});

export const volumeRemove: Command = command({
  args: 'VOLUME [VOLUME...]',
  flags: { force: { kind: 'boolean', short: 'f', description: 'Do not fail where there is none' } },
  complete: ['volume'],
  async run(context) {
    const opened = await context.engine();
    return eachArgument(context, async (name) => {
      await removeVolume(opened, name, { force: context.flags.force });
      context.print(name);
    });
  },
});

export const volumePrune: Command = command({
  flags: {
    all: { kind: 'boolean', short: 'a', description: 'Remove all unused volumes, not only anonymous ones' },
    force: { kind: 'boolean', short: 'f', description: 'Do not ask' },
  },
  async run(context) {
    const { flags, print, signal, engine } = context;
    const which = flags.all ? 'all volumes' : 'anonymous local volumes';
    if (
      !flags.force &&
      !(await confirm(context, `WARNING! This will remove ${which} not used by at least one container.`))
    )
      return;
    const { deleted, bytes } = await pruneVolumes(await engine(), { all: flags.all, signal });
    if (deleted.length > 0) print(['Deleted Volumes:', ...deleted, ''].join('\n'));
    print(`Total reclaimed space: ${formatSize(bytes)}`);
  },
});
