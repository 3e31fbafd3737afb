import { containerExit } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

/** What conmon runs when a container ends. */
export const internalContainerExit: Command = command({
  args: 'ID',
  async run({ args, engine }) {
    await containerExit(await engine(), args[0] as string);
  },
});
