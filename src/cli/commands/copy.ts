import { copy as copyImage } from '../../engine/index.ts';
import { parsePlatform } from '../../oci/index.ts';
import { type Command, command } from '../command.ts';
import { engineOptionsOf } from '../engine-options.ts';
import { showTransfer } from '../progress.ts';

export const copy: Command = command({
  args: 'SOURCE DESTINATION',
  description: [
    'Blobs go straight from one place to the other. Places: docker://HOST/NAME:TAG (or a bare name), oci:FOLDER[:REF], docker-archive:FILE[:REF], oci-archive:FILE[:REF], store:NAME.',
  ],
  flags: {
    all: { kind: 'boolean', short: 'a', aliases: ['all-platforms'], description: 'Copy every image of an index' },
    insecureRegistry: {
      kind: 'list',
      metavar: 'HOST',
      description: 'Accept plain HTTP, or any certificate, from this registry',
    },
    platform: { kind: 'string', metavar: 'OS/ARCH', description: 'Take this platform of an index' },
    quiet: { kind: 'boolean', short: 'q', description: 'Do not show progress' },
  },
  examples: ['copy debian:12 oci:/srv/layout:debian', 'copy store:app:1 docker://registry.example.com/app:1'],
  async run({ args, flags, globals, io, signal }) {
    const [from, to] = args as [string, string];
    const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
    await using job = copyImage(engineOptionsOf(globals, flags), from, to, {
      signal,
      allPlatforms: flags.all,
      ...(platform && { platform }),
    });
    if (flags.quiet) await job.result;
    else await showTransfer(io, job);
  },
});
