import { join } from 'node:path';
import { defaultRoot } from '../../engine/index.ts';
import { collectFolder, readRegistryConfig } from '../../registry/index.ts';
import { type Command, command } from '../command.ts';
import { formatSize } from '../humanize.ts';

export const registryCollect: Command = command({
  description: [
    'Frees what nothing needs: tags that retention does not keep, blobs without a manifest, uploads that nobody went on with, and with --untagged manifests that no tag leads to. What was pushed or pulled within the last hour is spared.',
    'A registry that serves the folder goes on meanwhile, and collects by its own rules; where none runs, those of --config count.',
  ],
  flags: {
    config: { kind: 'string', metavar: 'FILE', description: 'The registry’s configuration, JSON', complete: 'file' },
    dryRun: { kind: 'boolean', description: 'Tell what would go, and leave it' },
    folder: {
      kind: 'string',
      metavar: 'FOLDER',
      description: 'The registry’s folder (the state folder’s registry/)',
      complete: 'file',
    },
    grace: { kind: 'duration', description: 'Spare what was pushed or pulled within this time (1h)' },
    untagged: { kind: 'boolean', description: 'Also manifests that no tag leads to, by index or as a referrer' },
  },
  async run({ flags, given, globals, signal, print, io }) {
    const config = await readRegistryConfig(flags.config, { env: io.env });
    const folder = flags.folder ?? config.folder ?? join(globals.root ?? defaultRoot(), 'registry');
    const grace = flags.grace ?? config.collection?.grace;
    const untagged = given.has('untagged') ? flags.untagged : config.collection?.untagged;
    const { dryRun, tags, manifests, blobs, bytes, uploads } = await collectFolder(folder, {
      dryRun: flags.dryRun,
      rules: config,
      signal,
      ...(grace !== undefined && { grace }),
      ...(untagged !== undefined && { untagged }),
      ...(config.limits?.uploadLife !== undefined && { uploadLife: config.limits.uploadLife }),
    });
    const [removed, freed] = dryRun ? ['Would remove', 'would free'] : ['Removed', 'freed'];
    for (const tag of tags) print(`${removed} ${tag}`);
    const counts = [count(manifests, 'manifest'), count(blobs, 'blob'), ...(dryRun ? [] : [count(uploads, 'upload')])];
    print(`${removed} ${counts.join(', ')}; ${freed} ${formatSize(bytes)}`);
  },
});

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
