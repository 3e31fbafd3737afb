import { check } from '../../engine/index.ts';
import { type Command, command } from '../command.ts';

export const fsck: Command = command({
  description: [
    'Reads every blob and checks it against its digest, layers against their diffIDs, and every record and snapshot. Ends with 1 where something is wrong.',
  ],
  flags: {
    repair: {
      kind: 'boolean',
      description: 'Pull again what is damaged, from where it came; remove what nothing can restore, and say so',
    },
    quiet: { kind: 'boolean', short: 'q', description: 'Only say what is wrong' },
  },
  async run({ flags, print, signal, engine }) {
    await using job = check(await engine(), { repair: flags.repair, signal });
    const findings = await job.result;
    for (const { what, hits, repair } of findings) {
      print(
        `${what}${hits.length > 0 ? ` (hits ${hits.join(', ')})` : ''}${repair === undefined ? '' : `: ${repair}`}`,
      );
    }
    if (findings.length === 0 && !flags.quiet) print('clean');
    return findings.every(({ repair }) => repair !== undefined) ? 0 : 1;
  },
});
