import { createdAt, type DiskUsage, diskUsage } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { formatRows } from '../format.ts';
import { formatAge, formatSize } from '../humanize.ts';

export const systemDf: Command = command({
  description: [
    'A layer under many images is on disk once: it is counted once in the sums, and with --verbose as shared in each image.',
    'The size of an image is that of its layers as tars, the same in every list; the sums are what the disk gives for them.',
  ],
  flags: {
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    verbose: { kind: 'boolean', short: 'v', description: 'Show each image, container and volume' },
  },
  async run({ flags, print, engine }) {
    const usage = await diskUsage(await engine());
    print(flags.verbose && flags.format === undefined ? details(usage) : summary(usage, flags.format));
  },
});

interface Kind {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
}

function summary(
  { images, containers, volumes, layers, blobs, reclaimable }: DiskUsage,
  format: string | undefined,
): string {
  const sum = (rows: readonly { bytes: number }[]): number => rows.reduce((total, { bytes }) => total + bytes, 0);
  const stopped = containers.filter(({ running }) => !running);
  const unused = volumes.filter(({ links }) => links === 0);
  const kinds: Kind[] = [
    {
      type: 'Images',
      total: images.length,
      active: images.filter((image) => image.containers > 0).length,
      size: layers,
      reclaimable,
    },
    { type: 'Blobs', total: images.length, active: images.length, size: blobs, reclaimable: 0 },
    {
      type: 'Containers',
      total: containers.length,
      active: containers.length - stopped.length,
      size: sum(containers),
      reclaimable: sum(stopped),
    },
    {
      type: 'Local Volumes',
      total: volumes.length,
      active: volumes.length - unused.length,
      size: sum(volumes),
      reclaimable: sum(unused),
    },
  ];
  const percent = ({ size, reclaimable: free }: Kind): string =>
    size > 0 ? ` (${Math.floor((free / size) * 100)}%)` : '';
  return formatRows(
    kinds,
    {
      Type: { header: 'TYPE', value: ({ type }) => type },
      TotalCount: { header: 'TOTAL', value: ({ total }) => String(total) },
      Active: { header: 'ACTIVE', value: ({ active }) => String(active) },
      Size: { header: 'SIZE', value: ({ size }) => formatSize(size) },
      Reclaimable: { header: 'RECLAIMABLE', value: (kind) => `${formatSize(kind.reclaimable)}${percent(kind)}` },
    },
    { table: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'], format },
  );
}

function details({ images, containers, volumes, layers, blobs }: DiskUsage): string {
  const imageTable = formatRows(
    images.flatMap((usage) => usage.listed.map((row) => ({ ...usage, row }))),
    {
      Repository: { header: 'REPOSITORY', value: ({ row }) => row.repository ?? '<none>' },
      Tag: { header: 'TAG', value: ({ row }) => row.tag ?? '<none>' },
      ID: { header: 'IMAGE ID', value: ({ row }) => row.image.id.slice(7, 19) },
      Created: {
        header: 'CREATED',
        value: ({ row }) => (createdAt(row.image) ? formatAge(new Date(createdAt(row.image))) : 'N/A'),
      },
      Size: { header: 'SIZE', value: ({ size }) => formatSize(size, 3) },
      Shared: { header: 'SHARED SIZE', value: ({ shared }) => formatSize(shared, 3) },
      Unique: { header: 'UNIQUE SIZE', value: ({ unique }) => formatSize(unique, 3) },
      Containers: { header: 'CONTAINERS', value: (image) => String(image.containers) },
    },
    { table: ['Repository', 'Tag', 'ID', 'Created', 'Size', 'Shared', 'Unique', 'Containers'] },
  );
  const containerTable = formatRows(
    containers,
    {
      ID: { header: 'CONTAINER ID', value: ({ id }) => id.slice(0, 12) },
      Image: { header: 'IMAGE', value: ({ image }) => image },
      Size: { header: 'SIZE', value: ({ bytes }) => formatSize(bytes) },
      Status: { header: 'STATUS', value: ({ running }) => (running ? 'running' : 'stopped') },
      Name: { header: 'NAMES', value: ({ name }) => name },
    },
    { table: ['ID', 'Image', 'Size', 'Status', 'Name'] },
  );
  const volumeTable = formatRows(
    volumes,
    {
      Name: { header: 'VOLUME NAME', value: ({ name }) => name },
      Links: { header: 'LINKS', value: ({ links }) => String(links) },
      Size: { header: 'SIZE', value: ({ bytes }) => formatSize(bytes) },
    },
    { table: ['Name', 'Links', 'Size'] },
  );
  const once = `Layers on disk, each once: ${formatSize(layers)} unpacked, ${formatSize(blobs)} as blobs`;
  return [
    'Images space usage:',
    '',
    imageTable,
    '',
    once,
    '',
    'Containers space usage:',
    '',
    containerTable,
    '',
    'Local Volumes space usage:',
    '',
    volumeTable,
  ].join('\n');
}
