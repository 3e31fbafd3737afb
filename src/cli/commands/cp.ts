import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { copyIn, copyOut, readFromContainer, writeToContainer } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

export const cp: Command = command({
  args: ['CONTAINER:SOURCE TARGET|-', 'SOURCE|- CONTAINER:TARGET'],
  description: [
    '- stands for a tar on standard output or input. A link in the container leads inside the container, never to this machine.',
  ],
  flags: {
    archive: { kind: 'boolean', short: 'a', description: 'Keep owners' },
    followLink: { kind: 'boolean', short: 'L', description: 'Follow a link at the end of the source' },
    quiet: { kind: 'boolean', short: 'q', description: 'Accepted for docker’s sake: nothing is shown' },
  },
  examples: ['cp web:/etc/nginx ./nginx', 'cp index.html web:/srv/www/', 'cp web:/var/log - | tar -t'],
  async run({ args, flags, io, signal, engine }) {
    const [from, to] = args.map(parseSide) as [Side, Side];
    const options = { followLink: flags.followLink, archive: flags.archive, signal };
    if (from.container !== undefined && to.container !== undefined)
      throw new EngineError('InvalidArgument', 'copying between containers is not supported');
    const opened = await engine();
    if (from.container !== undefined) {
      if (to.path !== '-') return copyOut(opened, from.container, from.path, to.path, options);
      if (io.isTerminal.stdout)
        throw new EngineError('InvalidArgument', 'an archive is not for a terminal: redirect it');
      return pipeline(
        Readable.from(readFromContainer(opened, from.container, from.path, options), { objectMode: false }),
        io.stdout,
        { signal, end: false },
      );
    }
    if (to.container === undefined)
      throw new EngineError('InvalidArgument', 'must specify at least one container source: CONTAINER:PATH');
    if (from.path === '-') return writeToContainer(opened, to.container, to.path, io.stdin, options);
    return copyIn(opened, from.path, to.container, to.path, options);
  },
});

interface Side {
  readonly container?: string;
  readonly path: string;
}

/** `NAME:PATH`; a path of this machine begins with / or . or holds no colon. */
function parseSide(text: string): Side {
  const at = text.indexOf(':');
  if (at < 1 || text.startsWith('/') || text.startsWith('.')) return { path: text };
  return { container: text.slice(0, at), path: text.slice(at + 1) || '/' };
}
