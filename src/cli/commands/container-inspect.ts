import { inspectAny } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { printInspected } from '../print-inspected.ts';

export const containerInspect: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  flags: {
    format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' },
    size: { kind: 'boolean', short: 's', description: 'Show sizes' },
  },
  complete: ['container'],
  async run(context) {
    const { flags, engine } = context;
    const opened = await engine();
    return printInspected(context, flags.format, (name) =>
      inspectAny(opened, name, { type: 'container', size: flags.size }),
    );
  },
});
