import { type ListedContainer, listAllContainers } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { filterContainers } from '../container-filters.ts';
import { statusOf } from '../container-status.ts';
import { type Columns, formatRows } from '../format.ts';
import { formatAge, formatSize } from '../humanize.ts';

export const ps: Command = command({
  flags: {
    all: { kind: 'boolean', short: 'a', description: 'Show all containers, not only those that run' },
    filter: {
      kind: 'list',
      short: 'f',
      description: 'Filter by id, name, label, status, exited, health, ancestor, before, since, network, volume',
    },
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    last: { kind: 'number', short: 'n', min: 0, description: 'Show this many of the newest, whatever their state' },
    latest: { kind: 'boolean', short: 'l', description: 'Show the newest, whatever its state' },
    noTrunc: { kind: 'boolean', description: 'Do not truncate' },
    quiet: { kind: 'boolean', short: 'q', description: 'Only show IDs' },
    size: { kind: 'boolean', short: 's', description: 'Show sizes' },
  },
  async run({ flags, print, engine }) {
    const listed = await listAllContainers(await engine(), { size: flags.size || /\.Size\b/.test(flags.format ?? '') });
    const last = flags.latest ? 1 : flags.last;
    const everyState = flags.all || last !== undefined || flags.filter.some((pair) => /^(status|exited)=/.test(pair));
    const shown = filterContainers(listed, flags.filter).filter(
      ({ state }) => everyState || ['running', 'paused', 'restarting'].includes(state.status),
    );
    const text = formatRows(last === undefined ? shown : shown.slice(0, last), columnsOf(flags.noTrunc), {
      table: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names', ...(flags.size ? ['Size'] : [])],
      format: flags.format,
      ...(flags.quiet && { quiet: 'ID' }),
    });
    if (text !== '') print(text);
  },
});

function columnsOf(noTrunc: boolean): Columns<ListedContainer> {
  const shorten = (text: string): string => (noTrunc || text.length <= 20 ? text : `${text.slice(0, 19)}…`);
  return {
    ID: { header: 'CONTAINER ID', value: ({ id }) => (noTrunc ? id : id.slice(0, 12)) },
    Image: { header: 'IMAGE', value: ({ imageName }) => imageName },
    Command: {
      header: 'COMMAND',
      value: ({ entrypoint, command }) => JSON.stringify(shorten([...entrypoint, ...command].join(' '))),
    },
    CreatedAt: { header: 'CREATED AT', value: ({ created }) => created },
    RunningFor: { header: 'CREATED', value: ({ created }) => formatAge(new Date(created)) },
    Status: { header: 'STATUS', value: statusOf },
    State: { header: 'STATE', value: ({ state }) => state.status },
    Ports: { header: 'PORTS', value: () => '' },
    Names: { header: 'NAMES', value: ({ name }) => name },
    Labels: {
      header: 'LABELS',
      value: ({ labels }) =>
        Object.entries(labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(','),
    },
    Mounts: {
      header: 'MOUNTS',
      value: ({ mounts }) =>
        mounts
          .map((mount) => (mount.type === 'bind' ? mount.source : mount.type === 'volume' ? (mount.name ?? '') : ''))
          .filter(Boolean)
          .join(','),
    },
    Networks: { header: 'NETWORKS', value: ({ network }) => (typeof network === 'string' ? network : network.path) },
    LocalVolumes: {
      header: 'LOCAL VOLUMES',
      value: ({ mounts }) => String(mounts.filter(({ type }) => type === 'volume').length),
    },
    Size: { header: 'SIZE', value: ({ bytes }) => (bytes === undefined ? '' : formatSize(bytes)) },
  };
}
