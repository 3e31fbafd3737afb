import { inspectAny } from '../../engine/index.ts';
import { errorMessage } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
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
  async run({ args, flags, print, warn, engine }) {
    const opened = await engine();
    const shown: object[] = [];
    let failed = false;
    for (const text of args) {
      try {
        shown.push(await inspectAny(opened, text, { size: flags.size, ...(flags.type && { type: flags.type }) }));
      } catch (error) {
        failed = true;
        warn(`strata: ${errorMessage(error)}`);
      }
    }
    if (flags.format === undefined) print(JSON.stringify(shown, undefined, 4));
    else if (shown.length > 0) print(formatObjects(shown, flags.format));
    return failed ? 1 : 0;
  },
});
