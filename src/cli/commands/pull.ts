import { readFile } from 'node:fs/promises';
import { pull as pullImage } from '../../engine/index.ts';
import { familiarReference, parsePlatform, parseReference } from '../../oci/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { showTransfer } from '../progress.ts';

export const pull: Command = command({
  args: '[NAME[:TAG|@DIGEST]...]',
  description: [
    'Layers are unpacked while they, and others, are still on their way. What was cut goes on where it stopped.',
  ],
  flags: {
    allPlatforms: { kind: 'boolean', description: 'Take every image of an index' },
    allTags: { kind: 'boolean', short: 'a', description: 'Pull all tags of the repository' },
    fromFile: {
      kind: 'string',
      metavar: 'LIST',
      description: 'Pull what this file names: a reference a line, # begins a comment',
      complete: 'file',
    },
    insecureRegistry: {
      kind: 'list',
      metavar: 'HOST',
      description: 'Accept plain HTTP, or any certificate, from this registry',
    },
    platform: { kind: 'string', metavar: 'OS/ARCH', description: 'Take this platform of an index' },
    quiet: { kind: 'boolean', short: 'q', description: 'Only print the name of what was pulled' },
  },
  examples: ['pull debian:12', 'pull --platform linux/arm64 debian:12', 'pull --from-file images.txt'],
  async run({ args, flags, print, io, signal, engine }) {
    const names = [...args, ...(flags.fromFile === undefined ? [] : parseList(await readFile(flags.fromFile, 'utf8')))];
    if (names.length === 0)
      throw new EngineError('InvalidArgument', 'nothing to pull: name an image, or --from-file LIST');
    const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
    const opened = await engine({ insecureRegistries: flags.insecureRegistry });
    const wanted = flags.allTags ? await allTags(opened, names) : names;
    for (const name of wanted) {
      await using job = pullImage(opened, name, {
        signal,
        allPlatforms: flags.allPlatforms,
        ...(platform && { platform }),
      });
      const pulled = flags.quiet ? await job.result : await showTransfer(io, job);
      const familiar = familiarReference(parseReference(pulled.name));
      if (!flags.quiet) {
        print(`Digest: ${pulled.digest}`);
        print(`Status: ${pulled.changed ? 'Downloaded newer image' : 'Image is up to date'} for ${familiar}`);
      }
      print(pulled.name);
    }
  },
});

/** The references of a list file. */
function parseList(text: string): string[] {
  return text.split('\n').flatMap((line) => line.replace(/(?:^|\s)#.*$/, '').trim() || []);
}

async function allTags(engine: Parameters<typeof pullImage>[0], names: readonly string[]): Promise<string[]> {
  const { listTags } = await import('../../engine/index.ts');
  return (await Promise.all(names.map((name) => listTags(engine, name)))).flat();
}
