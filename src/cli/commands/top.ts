import { top as topOf } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { alignTabs } from '../table.ts';

export const top: Command = command({
  args: 'CONTAINER [PS OPTIONS...]',
  interspersed: false,
  complete: ['running'],
  async run({ args, print, engine }) {
    const [name, ...options] = args as [string, ...string[]];
    const { titles, rows } = await topOf(await engine(), name, options.length > 0 ? options : undefined);
    print(alignTabs([titles, ...rows].map((row) => row.join('\t')).join('\n')));
  },
});
