import { pruneImages } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { formatSize } from '../humanize.ts';
import { filterImages } from '../image-filters.ts';

export const imagePrune: Command = command({
  flags: {
    all: {
      kind: 'boolean',
      short: 'a',
      description: 'Remove all images that no container was made from, not only those without a name',
    },
    filter: { kind: 'list', description: 'Only images that match: until=24h, label=KEY' },
    force: { kind: 'boolean', short: 'f', description: 'Do not ask' },
  },
  async run(context) {
    const { flags, print, signal, engine } = context;
    const what = flags.all ? 'all images without at least one container associated to them' : 'all dangling images';
    if (!flags.force && !(await confirm(context, `WARNING! This will remove ${what}.`))) return;
    const pruned = await pruneImages(await engine(), {
      all: flags.all,
      signal,
      filter: (image) => filterImages([image], flags.filter).length > 0,
    });
    if (pruned.untagged.length + pruned.deleted.length > 0) {
      print('Deleted Images:');
      for (const name of pruned.untagged) print(`untagged: ${name}`);
      for (const id of pruned.deleted) print(`deleted: ${id}`);
      print('');
    }
    print(`Total reclaimed space: ${formatSize(pruned.bytes)}`);
  },
});
