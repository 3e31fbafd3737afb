import { pruneContainers, pruneImages, pruneVolumes } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { formatSize } from '../humanize.ts';

export const systemPrune: Command = command({
  flags: {
    all: {
      kind: 'boolean',
      short: 'a',
      description: 'Remove all images that no container was made from, not only those without a name',
    },
    force: { kind: 'boolean', short: 'f', description: 'Do not ask' },
    volumes: { kind: 'boolean', description: 'Remove unused anonymous volumes too' },
  },
  async run(context) {
    const { flags, print, signal, engine } = context;
    const parts = [
      'all stopped containers',
      flags.all ? 'all images without a container' : 'all dangling images',
      ...(flags.volumes ? ['all anonymous volumes that no container uses'] : []),
    ];
    if (
      !flags.force &&
      !(await confirm(context, `WARNING! This will remove:\n${parts.map((part) => `  - ${part}`).join('\n')}`))
    )
      return;
    const opened = await engine();
    const containers = await pruneContainers(opened, { signal });
    const volumes = flags.volumes ? await pruneVolumes(opened, { signal }) : { deleted: [], bytes: 0 };
    const images = await pruneImages(opened, { all: flags.all, signal });
    const list = (title: string, names: readonly string[]): void => {
      if (names.length > 0) print([title, ...names, ''].join('\n'));
    };
    list('Deleted Containers:', containers.deleted);
    list('Deleted Volumes:', volumes.deleted);
    list('Deleted Images:', [
      ...images.untagged.map((name) => `untagged: ${name}`),
      ...images.deleted.map((id) => `deleted: ${id}`),
    ]);
    print(`Total reclaimed space: ${formatSize(containers.bytes + volumes.bytes + images.bytes)}`);
  },
});
