import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { busyboxTar, outcomeOf, Strata } from '../strata.ts';
import { type Proof, randomNumbers } from './proof.ts';

const DOCKERFILE = `FROM base:1 AS one
COPY seed /seed
RUN sha256sum < /seed > /sum
FROM base:1 AS two
COPY seed /seed
RUN --mount=type=cache,target=/c cat /seed >> /c/log; wc -c < /seed > /size
FROM scratch
COPY --from=one /sum /
COPY --from=two /size /
`;

/** What a prune takes: it does no harm. */
const WASTE = /was left by a process that died|waits in the trash/;

/** kill -9 at random moments of builds: nothing that was kept is wrong, nothing runs on, and the next build is right. */
export const buildCrash: Proof = {
  count: 100,
  async run({ count, seed, log }) {
    const random = randomNumbers(seed);
    await using strata = new Strata('strata-build-crash-');
    const tar = busyboxTar(strata.folder);
    if (!tar) throw new Error('busybox is not installed: apt-get install busybox-static');
    await strata.run('import', tar, 'base:1');
    const context = join(strata.folder, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Dockerfile'), DOCKERFILE);
    const state = strata.env['STRATA_ROOT'] as string;
    let typical = 1500;
    let killed = 0;
    for (let round = 0; round < count; round++) {
      const text = 'x'.repeat(1 + Math.floor(random() * 100_000));
      writeFileSync(join(context, 'seed'), text);
      const child = strata.start(['build', '--quiet', '-t', 'app:1', context]);
      const patience = random() * typical;
      const ended = outcomeOf(child);
      await Promise.race([sleep(patience), ended]);
      if (child.exitCode === null) {
        process.kill(-(child.pid as number), 'SIGKILL');
        killed++;
      }
      await ended;

      const began = Date.now();
      const out = join(strata.folder, 'out');
      rmSync(out, { recursive: true, force: true });
      await strata.run('build', '--quiet', '-o', out, context);
      typical = (typical * 3 + Date.now() - began) / 4;
      assert.equal(readFileSync(join(out, 'size'), 'utf8').trim(), String(text.length), `round ${round}`);
      const digest = createHash('sha256').update(text).digest('hex');
      assert.equal(readFileSync(join(out, 'sum'), 'utf8').split(' ')[0], digest, `round ${round}`);
      assert.equal(await strata.run('ps', '--all', '--quiet'), '', `round ${round}: a container is left`);
      assert.deepEqual(readdirSync(join(state, 'build/scratch')), [], `round ${round}: scratch is left`);
      const { stdout } = await strata.try(['fsck', '--quiet']);
      const wrong = stdout.split('\n').filter((line) => line !== '' && !WASTE.test(line));
      assert.deepEqual(wrong, [], `round ${round}: fsck`);
      if ((round + 1) % 10 === 0) log(`  ${round + 1} rounds, ${killed} killed`);
    }
  },
};
