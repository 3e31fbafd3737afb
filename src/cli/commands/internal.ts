import { containerExit, monitorContainerHealth } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

/** What conmon runs when a container ends. */
export const internalContainerExit: Command = command({
  args: 'ID',
  async run({ args, engine }) {
    await containerExit(await engine(), args[0] as string);
  },
});

/** The one process that runs health checks; started when a container has one. */
export const internalHealthMonitor: Command = command({
  async run({ engine, signal }) {
    await monitorContainerHealth(await engine(), { signal });
  },
});
