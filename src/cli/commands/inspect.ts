import { inspectAny } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { eachArgument } from '../each-argument.ts';
import { formatObjects } from '../format.ts';

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
    const { flags, print, engine } = context;
    const opened = await engine();
    const shown: object[] = [];
    const code = await eachArgument(context, async (name) =>
      shown.push(await inspectAny(opened, name, { size: flags.size, ...(flags.type && { type: flags.type }) })),
    );
    if (flags.format === undefined) print(JSON.stringify(shown, undefined, 4));
    else if (shown.length > 0) print(formatObjects(shown, flags.format));
    return code;
  },
});
