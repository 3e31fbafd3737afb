import { createdAt, type ListedImage, listImages } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { type Columns, formatRows } from '../format.ts';
import { formatAge, formatSize } from '../humanize.ts';
import { filterImages } from '../image-filters.ts';

const none = '<none>';

export const images: Command = command({
  args: '[REPOSITORY[:TAG]]',
  description: [
    'SIZE is that of all layers as uncompressed tars, shared ones too: what they take on the disk says system df.',
  ],
  flags: {
    all: {
      kind: 'boolean',
      short: 'a',
      description: 'Show all images (accepted for docker’s sake: there are no intermediate ones)',
    },
    digests: { kind: 'boolean', description: 'Show digests' },
    filter: { kind: 'list', short: 'f', description: 'Filter by before, since, label, dangling, reference, until' },
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    noTrunc: { kind: 'boolean', description: 'Do not truncate IDs' },
    quiet: { kind: 'boolean', short: 'q', description: 'Only show image IDs' },
  },
  complete: ['image'],
  async run({ args, flags, print, engine }) {
    const opened = await engine();
    const filters = args[0] === undefined ? flags.filter : [...flags.filter, `reference=${args[0]}`];
    const rows = withoutPinned(filterImages(await listImages(opened), filters));
    const text = formatRows(rows, columnsOf(flags.noTrunc), {
      table: ['Repository', 'Tag', ...(flags.digests ? ['Digest'] : []), 'ID', 'CreatedSince', 'Size'],
      format: flags.format,
      ...(flags.quiet && { quiet: 'ID' }),
    });
    if (text !== '') print(text);
  },
});

/** As docker lists them: what was pulled by digest has a row of its own only where its repository has no tag for the same image. */
function withoutPinned(rows: readonly ListedImage[]): ListedImage[] {
  const nameIn = ({ repository, image }: ListedImage): string => `${repository} ${image.id}`;
  const tagged = new Set(rows.flatMap((row) => (row.tag === undefined ? [] : [nameIn(row)])));
  return rows.filter((row) => row.tag !== undefined || row.repository === undefined || !tagged.has(nameIn(row)));
}

function columnsOf(noTrunc: boolean): Columns<ListedImage> {
  return {
    Repository: { header: 'REPOSITORY', value: ({ repository }) => repository ?? none },
    Tag: { header: 'TAG', value: ({ tag }) => tag ?? none },
    Digest: { header: 'DIGEST', value: ({ digest }) => digest ?? none },
    ID: { header: 'IMAGE ID', value: ({ image }) => (noTrunc ? image.id : image.id.slice(7, 19)) },
    CreatedSince: {
      header: 'CREATED',
      value: ({ image }) => (createdAt(image) ? formatAge(new Date(createdAt(image))) : 'N/A'),
    },
    CreatedAt: { header: 'CREATED AT', value: ({ image }) => new Date(createdAt(image)).toISOString() },
    Size: { header: 'SIZE', value: ({ size }) => formatSize(size, 3) },
    Containers: { header: 'CONTAINERS', value: () => 'N/A' },
    SharedSize: { header: 'SHARED SIZE', value: () => 'N/A' },
    UniqueSize: { header: 'UNIQUE SIZE', value: () => 'N/A' },
    VirtualSize: { header: 'SIZE', value: ({ size }) => formatSize(size, 3) },
  };
}
