import { listAllContainers, stats as watchStats } from '../../engine/index.ts';
import type { ContainerStats } from '../../runtime/index.ts';
import { type Command, command } from '../command.ts';
import { type Columns, formatRows } from '../format.ts';
import { formatMemory, formatSize } from '../humanize.ts';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly sample: ContainerStats;
}

export const stats: Command = command({
  args: '[CONTAINER...]',
  flags: {
    all: {
      kind: 'boolean',
      short: 'a',
      description: 'Accepted for docker’s sake: containers that do not run use nothing',
    },
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    noStream: { kind: 'boolean', description: 'Show one sample and end' },
    noTrunc: { kind: 'boolean', description: 'Do not truncate' },
  },
  complete: ['running'],
  async run({ args, flags, io, signal, print, engine }) {
    const opened = await engine();
    const containers = await listAllContainers(opened);
    const named =
      args.length > 0
        ? args
        : containers.filter(({ state }) => state.status === 'running' || state.status === 'paused').map(({ id }) => id);
    const latest = new Map<string, Row>();
    const show = (): void => {
      const text = formatRows([...latest.values()], columnsOf(flags.noTrunc), {
        table: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
        format: flags.format,
      });
      if (io.isTerminal.stdout && !flags.noStream) io.stdout.write('\u001b[H\u001b[2J'); // home, clear
      if (text !== '') print(text);
    };
    if (named.length === 0) return show();
    await Promise.all(
      named.map(async (text, index) => {
        const container = containers.find(({ id, name }) => name === text || id.startsWith(text));
        for await (const sample of watchStats(opened, text, { signal })) {
          latest.set(text, { id: container?.id ?? text, name: container?.name ?? text, sample });
          if (flags.noStream) return;
          if (index === 0) show(); // one redraw for all, at the first one's pace
        }
        latest.delete(text);
      }),
    );
    if (flags.noStream) show();
  },
});

function columnsOf(noTrunc: boolean): Columns<Row> {
  const pair = (a: number, b: number): string => `${formatSize(a)} / ${formatSize(b)}`;
  return {
    ID: { header: 'CONTAINER ID', value: ({ id }) => (noTrunc ? id : id.slice(0, 12)) },
    Container: { header: 'CONTAINER', value: ({ id }) => id },
    Name: { header: 'NAME', value: ({ name }) => name },
    CPUPerc: { header: 'CPU %', value: ({ sample }) => `${sample.cpuPercent.toFixed(2)}%` },
    MemUsage: {
      header: 'MEM USAGE / LIMIT',
      value: ({ sample }) => `${formatMemory(sample.memory)} / ${formatMemory(sample.memoryLimit)}`,
    },
    MemPerc: { header: 'MEM %', value: ({ sample }) => `${((sample.memory / sample.memoryLimit) * 100).toFixed(2)}%` },
    NetIO: { header: 'NET I/O', value: ({ sample }) => pair(sample.networkReceived, sample.networkSent) },
    BlockIO: { header: 'BLOCK I/O', value: ({ sample }) => pair(sample.blockRead, sample.blockWritten) },
    PIDs: { header: 'PIDS', value: ({ sample }) => String(sample.pids) },
  };
}
