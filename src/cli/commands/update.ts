import { update as updateContainer } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';
import { containerFlags, parseRestart } from '../container-flags.ts';
import { eachArgument } from '../each-argument.ts';

const { blkioWeight, cpuShares, cpus, cpusetCpus, cpusetMems, memory, memoryReservation, memorySwap, pidsLimit } =
  containerFlags;

export const update: Command = command({
  args: 'CONTAINER [CONTAINER...]',
  flags: {
    blkioWeight,
    cpuShares,
    cpus,
    cpusetCpus,
    cpusetMems,
    memory,
    memoryReservation,
    memorySwap,
    pidsLimit,
    restart: {
      kind: 'string',
      metavar: 'no|on-failure[:N]|always|unless-stopped',
      description: 'When to start it again',
    },
  },
  complete: ['container'],
  async run(context) {
    const { flags, print } = context;
    const opened = await context.engine();
    const limits = {
      cpuShares: flags.cpuShares,
      cpus: flags.cpus,
      cpusetCpus: flags.cpusetCpus,
      cpusetMems: flags.cpusetMems,
      blkioWeight: flags.blkioWeight,
      memory: flags.memory,
      memoryReservation: flags.memoryReservation,
      memorySwap: flags.memorySwap,
      pids: flags.pidsLimit,
    };
    const resources = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
    return eachArgument(context, async (name) => {
      await updateContainer(opened, name, {
        resources,
        ...(flags.restart !== undefined && { restart: parseRestart(flags.restart) }),
      });
      print(name);
    });
  },
});
