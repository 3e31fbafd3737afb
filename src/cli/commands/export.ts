import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { exportContainer } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

export const exportCommand: Command = command({
  args: 'CONTAINER',
  flags: {
    output: {
      kind: 'string',
      short: 'o',
      metavar: 'FILE',
      description: 'Write to a file, instead of standard output',
      complete: 'file',
    },
  },
  complete: ['container'],
  async run({ args, flags, io, signal, engine }) {
    if (flags.output === undefined && io.isTerminal.stdout)
      throw new EngineError('InvalidArgument', 'an archive is not for a terminal: use --output FILE, or redirect');
    const tar = Readable.from(exportContainer(await engine(), args[0] as string), {
      objectMode: false,
      highWaterMark: 1 << 20,
    });
    if (flags.output === undefined) {
      await pipeline(tar, io.stdout, { signal, end: false });
      return;
    }
    const aside = `${flags.output}.tmp-${process.pid}`;
    try {
      await pipeline(tar, createWriteStream(aside, { mode: 0o600 }), { signal });
      await rename(aside, flags.output);
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
  },
});
