import { diff as diffContainer } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

const LETTER = { add: 'A', modify: 'C', delete: 'D' } as const;

export const diff: Command = command({
  args: 'CONTAINER',
  description: ['A is added, C is changed, D is deleted, each against the container’s image.'],
  complete: ['container'],
  async run({ args, print, engine }) {
    const changes = await diffContainer(await engine(), args[0] as string);
    if (changes.length > 0) print(changes.map(({ kind, path }) => `${LETTER[kind]} /${path}`).join('\n'));
  },
});
