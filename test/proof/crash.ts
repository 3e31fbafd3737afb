import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '../../src/registry/index.ts';
import { busyboxTar, outcomeOf, Strata } from '../strata.ts';
import { type Proof, randomNumbers } from './proof.ts';

/** kill -9 at random moments of pull, import, commit, push and rmi: `fsck` is clean each time, and the next try succeeds. */
export const crash: Proof = {
  count: 200,
  async run({ count, seed, log }) {
    const random = randomNumbers(seed);
    await using strata = new Strata('strata-crash-');
    const tar = busyboxTar(strata.folder);
    if (!tar) throw new Error('busybox is not installed: apt-get install busybox-static');
    await using registry = await startRegistry();
    const remote = `${registry.host}/crash`;

    await strata.run('import', tar, 'base:1');
    await strata.run(
      'run',
      '--network',
      'none',
      '--name',
      'worker',
      'base:1',
      '/bin/sh',
      '-c',
      'head -c 3000000 /dev/urandom > /root/data; rm /etc/group',
    );
    await strata.run('commit', 'worker', 'app:1');
    for (const name of ['base', 'app']) {
      await strata.run('tag', `${name}:1`, `${remote}/${name}:1`);
      await strata.run('push', '--quiet', `${remote}/${name}:1`);
    }

    let round = 0;
    const verbs: readonly { name: string; prepare?: () => Promise<unknown>; args: () => string[] }[] = [
      { name: 'import', args: () => ['import', tar, `imported:${round % 3}`] },
      { name: 'commit', args: () => ['commit', 'worker', `committed:${round % 3}`] },
      {
        name: 'pull',
        prepare: () =>
          strata.try(['rmi', '--force', `${remote}/app:1`, 'app:1', 'committed:0', 'committed:1', 'committed:2']),
        args: () => ['pull', '--quiet', `${remote}/app:1`],
      },
      {
        name: 'push',
        prepare: () => strata.try(['tag', 'base:1', `${remote}/new-${round}:1`]),
        args: () => ['push', '--quiet', `${remote}/new-${round}:1`],
      },
      {
        name: 'rmi',
        prepare: () => strata.try(['tag', 'base:1', 'going:1']),
        args: () => ['rmi', '--force', 'going:1', 'imported:0', 'imported:1', 'imported:2'],
      },
    ];
    const typical = new Map<string, number>();
    let killed = 0;
    for (round = 0; round < count; round++) {
      const verb = verbs[round % verbs.length] as (typeof verbs)[number];
      await verb.prepare?.();
      const began = Date.now();
      const child = strata.start(verb.args());
      const ended = outcomeOf(child);
      const limit = typical.get(verb.name);
      if (limit !== undefined) {
        const timer = sleep(random() * limit).then(() => {
          if (child.exitCode === null && child.pid) {
            process.kill(-child.pid, 'SIGKILL');
            killed++;
          }
        });
        await Promise.all([ended, timer.catch(() => {})]);
      } else {
        await ended;
        typical.set(verb.name, (Date.now() - began) * 1.1);
      }
      const check = await strata.try(['fsck']);
      assert.equal(check.code, 0, `round ${round}: fsck after a killed ${verb.name}\n${check.stdout}${check.stderr}`);
      const again = await strata.try(verb.args());
      const fine = again.code === 0 || (verb.name === 'rmi' && /no such image/.test(again.stderr));
      assert.ok(fine, `round ${round}: ${verb.name} after it was killed\n${again.stdout}${again.stderr}`);
      if ((round + 1) % 20 === 0) log(`  ${round + 1} rounds, ${killed} killed in time`);
    }
    assert.ok(count < 50 || killed > count / 4, `only ${killed} of ${count} were killed before they ended`);
    assert.match(await strata.run('run', '--rm', '--network', 'none', 'base:1', '/bin/echo', 'alive'), /alive/);
  },
};
