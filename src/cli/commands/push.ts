import { listImages, push as pushImage } from '../../engine/index.ts';
import { formatReference, parseReference } from '../../oci/index.ts';
import { type Command, command } from '../command.ts';
import { showTransfer } from '../progress.ts';

export const push: Command = command({
  args: 'NAME[:TAG]',
  description: [
    'What the registry has already is not sent; layers that another of its repositories holds are linked there.',
  ],
  flags: {
    allTags: { kind: 'boolean', short: 'a', description: 'Push all tags of the repository' },
    insecureRegistry: {
      kind: 'list',
      metavar: 'HOST',
      description: 'Accept plain HTTP, or any certificate, from this registry',
    },
    quiet: { kind: 'boolean', short: 'q', description: 'Only print the name of what was pushed' },
  },
  complete: ['image'],
  async run({ args, flags, print, io, signal, engine }) {
    const opened = await engine({ insecureRegistries: flags.insecureRegistry });
    const [text] = args as [string];
    for (const name of flags.allTags ? await tagsOf(opened, text) : [text]) {
      await using job = pushImage(opened, name, { signal });
      const pushed = flags.quiet ? await job.result : await showTransfer(io, job);
      print(
        flags.quiet
          ? pushed.name
          : `${parseReference(pushed.name).tag ?? 'latest'}: digest: ${pushed.digest} size: ${pushed.size}`,
      );
    }
  },
});

async function tagsOf(engine: Parameters<typeof listImages>[0], repository: string): Promise<string[]> {
  const wanted = formatReference({ ...parseReference(repository) });
  const listed = await listImages(engine);
  return listed.flatMap(({ record: { name } }) => (name?.startsWith(`${wanted}:`) ? [name] : []));
}
