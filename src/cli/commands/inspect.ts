import { inspectAny } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { printInspected } from '../print-inspected.ts';

export const inspect: Command = command({
  args: 'NAME|ID [NAME|ID...]',
  description: ['A name may be a container’s, an image’s or a volume’s: they are tried in that order.'],
  flags: {
    format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' },
    size: { kind: 'boolean', short: 's', description: 'Show the sizes of containers' },
    type: { kind: 'string', choices: ['container', 'image', 'volume'], description: 'Only look among these' },
  },
  complete: ['container'],
  async run(context) {
    const { flags, engine } = context;
    const opened = await engine();
    return printInspected(context, flags.format, (name) =>
      inspectAny(opened, name, { size: flags.size, ...(flags.type && { type: flags.type }) }),
    );
  },
});
