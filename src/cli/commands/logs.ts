import { logs as readLogs } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { parseMoment } from '../filters.ts';

export const logs: Command = command({
  args: 'CONTAINER',
  flags: {
    follow: { kind: 'boolean', short: 'f', description: 'Go on until the container ends' },
    since: { kind: 'string', metavar: 'TIME', description: 'From then on: 2026-01-31T12:00:00Z, or 10m ago' },
    tail: { kind: 'string', short: 'n', default: 'all', metavar: 'N', description: 'Only the last lines' },
    timestamps: { kind: 'boolean', short: 't', description: 'Show when each line was written' },
    until: { kind: 'string', metavar: 'TIME', description: 'Up to then' },
  },
  complete: ['container'],
  async run({ args, flags, io, signal, engine }) {
    if (flags.tail !== 'all' && !/^\d+$/.test(flags.tail))
      throw new EngineError('InvalidArgument', `--tail ${flags.tail}: expected a number of lines, or all`);
    const lines = readLogs(await engine(), args[0] as string, {
      follow: flags.follow,
      signal,
      ...(flags.tail !== 'all' && { tail: Number(flags.tail) }),
      ...(flags.since !== undefined && { since: parseMoment(flags.since).getTime() }),
      ...(flags.until !== undefined && { until: parseMoment(flags.until).getTime() }),
    });
    for await (const { stream, time, data } of lines) {
      const target = stream === 'stdout' ? io.stdout : io.stderr;
      if (flags.timestamps) target.write(`${time} `);
      if (!target.write(data)) await new Promise<void>((resolve) => target.once('drain', resolve));
    }
  },
});
