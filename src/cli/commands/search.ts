import { search as searchRegistry } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { engineOptionsOf } from '../engine-options.ts';
import { formatRows } from '../format.ts';

export const search: Command = command({
  args: 'TERM',
  description: ['HOST[:PORT]/TERM searches that registry, through its search or, where it has none, its catalogue.'],
  flags: {
    format: { kind: 'string', description: 'Print with this Go template, "table", or "json"' },
    insecureRegistry: {
      kind: 'list',
      metavar: 'HOST',
      description: 'Accept plain HTTP, or any certificate, from this registry',
    },
    limit: { kind: 'number', default: 25, min: 1, max: 100, description: 'Show at most this many' },
    noTrunc: { kind: 'boolean', description: 'Do not truncate' },
  },
  async run({ args, flags, globals, print }) {
    const found = await searchRegistry(engineOptionsOf(globals, flags), args[0] as string, flags.limit);
    const shorten = (text: string): string => (flags.noTrunc || text.length <= 45 ? text : `${text.slice(0, 44)}…`);
    print(
      formatRows(
        found,
        {
          Name: { header: 'NAME', value: ({ name }) => name },
          Description: { header: 'DESCRIPTION', value: ({ description }) => shorten(description.replace(/\s+/g, ' ')) },
          StarCount: { header: 'STARS', value: ({ stars }) => String(stars) },
          IsOfficial: { header: 'OFFICIAL', value: ({ isOfficial }) => (isOfficial ? '[OK]' : '') },
        },
        { table: ['Name', 'Description', 'StarCount', 'IsOfficial'], format: flags.format },
      ),
    );
  },
});
