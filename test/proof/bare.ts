import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Proof } from './proof.ts';

/** The demo and the tests run through on a Debian with nothing installed: see bare-machine.sh. */
export const bare: Proof = {
  count: 1,
  async run({ count }) {
    for (let time = 0; time < count; time++) {
      const { status } = spawnSync('sh', [join(import.meta.dirname, 'bare-machine.sh')], { stdio: 'inherit' });
      if (status !== 0) throw new Error(`bare-machine.sh ended with ${status}`);
    }
  },
};
