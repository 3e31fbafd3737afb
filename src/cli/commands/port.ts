import { inspectAny } from '../../engine/index.ts';
import { EngineError } from '../../std/index.ts';
import { type Command, command } from '../command.ts';

export const port: Command = command({
  args: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  description: [
    'Ports are published by bridge networks, which are not there yet: a container has the host’s network, or none.',
  ],
  complete: ['container'],
  async run({ args, engine }) {
    const [name, wanted] = args as [string, string?];
    await inspectAny(await engine(), name, { type: 'container' });
    if (wanted !== undefined) throw new EngineError('NotFound', `no public port '${wanted}' published for ${name}`);
  },
});
