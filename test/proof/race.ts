import assert from 'node:assert/strict';
import { startRegistry } from '../../src/registry/index.ts';
import { busyboxTar, Strata } from '../strata.ts';
import { type Proof, randomNumbers } from './proof.ts';

/** Several processes pull the same image, run, commit, remove and prune at once: nothing that has a name is lost, nothing is left behind. */
export const race: Proof = {
  count: 50,
  async run({ count, seed, log }) {
    const random = randomNumbers(seed);
    await using strata = new Strata('strata-race-');
    const tar = busyboxTar(strata.folder);
    if (!tar) throw new Error('busybox is not installed: apt-get install busybox-static');
    await using registry = await startRegistry();
    const image = `${registry.host}/race/base:1`;
    await strata.run('import', tar, image);
    await strata.run('push', '--quiet', image);
    await strata.run('tag', image, 'kept:1');

    for (let round = 0; round < count; round++) {
      const verbs: string[][] = [
        ['pull', '--quiet', image],
        ['pull', '--quiet', image],
        ['run', '--rm', '--network', 'none', 'kept:1', '/bin/echo', 'alive'],
        ['rmi', '--force', image],
        ['system', 'prune', '--force'],
        ['import', tar, `other:${round % 2}`],
      ];
      verbs.sort(() => random() - 0.5);
      const outcomes = await Promise.all(verbs.map((args) => strata.try(args)));
      for (const [index, { code, stdout, stderr }] of outcomes.entries()) {
        const args = verbs[index] as string[];
        const mayMiss = args[0] === 'rmi'; // whoever removed first
        assert.ok(
          code === 0 || (mayMiss && /no such image/.test(stderr)),
          `round ${round}: strata ${args.join(' ')}\n${stdout}${stderr}`,
        );
      }
      const check = await strata.try(['fsck']);
      assert.equal(check.code, 0, `round ${round}: fsck\n${check.stdout}${check.stderr}`);
      if ((round + 1) % 10 === 0) log(`  ${round + 1} rounds`);
    }
    assert.equal(await strata.run('ps', '--all', '--quiet'), '', 'no container is left');
    assert.match(await strata.run('run', '--rm', '--network', 'none', 'kept:1', '/bin/echo', 'alive'), /alive/);
  },
};
