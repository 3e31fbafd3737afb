import { save as saveImages } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { flagError } from '../system-error.ts';

export const save: Command = command({
  args: 'IMAGE [IMAGE...]',
  description: ['Layers that several of the images share are in the archive once. docker, podman and skopeo read it.'],
  flags: {
    format: { kind: 'string', choices: ['docker', 'oci'], default: 'docker', description: 'Which archive to write' },
    output: {
      kind: 'string',
      short: 'o',
      metavar: 'FILE',
      description: 'Write to a file, instead of standard output',
      complete: 'file',
    },
  },
  complete: ['image'],
  async run({ args, flags, io, signal, engine }) {
    if (flags.output === undefined && io.isTerminal.stdout) {
      throw new EngineError('InvalidArgument', 'an archive is not for a terminal: use --output FILE, or redirect');
    }
    const { output, format } = flags;
    await using job = saveImages(await engine(), args, output ?? io.stdout, { signal, format });
    try {
      await job.result;
    } catch (error) {
      throw output === undefined ? error : flagError('output', output, error);
    }
  },
});
