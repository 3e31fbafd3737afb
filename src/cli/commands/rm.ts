import { listAllContainers, removeContainer } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';
import { eachArgument } from '../each-argument.ts';

export const rm: Command = command({
  args: '[CONTAINER...]',
  flags: {
    all: { kind: 'boolean', description: 'Remove all containers' },
    force: { kind: 'boolean', short: 'f', description: 'Kill what runs first' },
    volumes: { kind: 'boolean', short: 'v', description: 'Remove the volumes that were made for it' },
  },
  complete: ['container'],
  async run(context) {
    const { args, flags, print, engine } = context;
    if (args.length === 0 && !flags.all) throw new EngineError('InvalidArgument', 'name a container, or use --all');
    const opened = await engine();
    const names = flags.all ? (await listAllContainers(opened)).map(({ id }) => id) : args;
    return eachArgument({ ...context, args: names }, async (name) => {
      await removeContainer(opened, name, { force: flags.force, volumes: flags.volumes });
      print(name);
    });
  },
});
