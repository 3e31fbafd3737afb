import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { load as loadImages } from '../../engine/index.ts';
import { familiarReference, parsePlatform, parseReference } from '../../oci/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

export const load: Command = command({
  args: '',
  flags: {
    input: {
      kind: 'string',
      short: 'i',
      metavar: 'FILE',
      description: 'Read from an archive or an OCI layout’s folder, instead of standard input',
      complete: 'file',
    },
    platform: { kind: 'string', metavar: 'OS/ARCH', description: 'Take this platform of an index' },
    quiet: { kind: 'boolean', short: 'q', description: 'Do not show progress' },
  },
  async run({ flags, io, print, signal, engine }) {
    if (flags.input === undefined && io.isTerminal.stdin) {
      throw new EngineError(
        'InvalidArgument',
        'nothing to load: use --input FILE, or redirect an archive to standard input',
      );
    }
    const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
    await using input =
      flags.input === undefined
        ? await spool(io.stdin, signal)
        : { path: flags.input, async [Symbol.asyncDispose]() {} };
    await using job = loadImages(await engine(), input.path, { signal, ...(platform && { platform }) });
    for (const { names, id, moved } of await job.result) {
      for (const name of moved)
        print(
          `The image ${familiarReference(parseReference(name))} existed already; what it meant before stays without that name`,
        );
      if (names.length === 0) print(`Loaded image ID: ${id}`);
      for (const name of names) print(`Loaded image: ${familiarReference(parseReference(name))}`);
    }
  },
});

/** Members of an archive are read in any order: what comes from a pipe goes to a file first. */
async function spool(stdin: NodeJS.ReadableStream, signal: AbortSignal): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'strata-load-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'archive.tar');
    await pipeline(stdin, createWriteStream(path, { mode: 0o600 }), { signal });
    return { path, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
