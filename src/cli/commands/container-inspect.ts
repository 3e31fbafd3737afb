import { inspectAny } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { eachArgument } from '../each-argument.ts';
import { formatObjects } from '../format.ts';

export const containerInspect: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  flags: {
    format: { kind: 'string', short: 'f', description: 'Print with this Go template, or "json"' },
    size: { kind: 'boolean', short: 's', description: 'Show sizes' },
  },
  complete: ['container'],
  async run(context) {
    const { flags, print, engine } = context;
    const opened = await engine();
    const shown: object[] = [];
    const code = await eachArgument(context, async (name) =>
      shown.push(await inspectAny(opened, name, { type: 'container', size: flags.size })),
    );
    if (flags.format === undefined) print(JSON.stringify(shown, undefined, 4));
    else if (shown.length > 0) print(formatObjects(shown, flags.format));
    return code;
  },
});
