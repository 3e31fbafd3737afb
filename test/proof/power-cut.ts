import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineLab } from '../vm/lab.ts';
import type { Machine } from '../vm/machine.ts';
import { type Proof, randomNumbers } from './proof.ts';

/**
 * The power goes, at a random moment after a pull or a commit was acknowledged, while the next verbs work. After it `fsck` finds no
 * more than unpacked layers that had not reached the disk, `--repair` makes those again from blobs, and what was acknowledged is whole: it runs,
 * without a registry.
 */
export const powerCut: Proof = {
  count: 20,
  async run({ count, seed, log }) {
    const random = randomNumbers(seed);
    using lab = await MachineLab.open();
    const { strata, tar } = lab;
    let machine = await lab.boot();
    try {
      await prepare(machine, lab);
      for (let round = 0; round < count; round++) {
        const change = `head -c 2000000 /dev/urandom > /root/data; md5sum < /root/data > /root/sum`;
        await machine.require(`${strata} run --network none --name work-${round} base:1 /bin/sh -c '${change}'`);
        await machine.require(`${strata} commit work-${round} made:${round}`);
        await machine.require(
          `${strata} rmi --force 127.0.0.1:5000/app:1; ${strata} pull --quiet 127.0.0.1:5000/app:1`,
        );
        const delay = Math.floor(random() * 3000);
        const behind = [
          `import ${tar} late:${round}`,
          `commit work-${round} late:c${round}`,
          `rmi --force late:${round - 1}`,
        ];
        await machine.require(behind.map((verb) => `${strata} ${verb} >/dev/null 2>&1 &`).join(' '));
        await sleep(delay);
        await machine.cut();
        machine = await lab.boot();
        await judge(machine, lab, round);
        log(`${round + 1}: whole, ${delay} ms after`);
        await serve(machine, lab);
      }
    } finally {
      await machine[Symbol.asyncDispose]();
    }
  },
};

async function prepare(machine: Machine, lab: MachineLab): Promise<void> {
  const { strata, tar } = lab;
  await machine.require(`${strata} import ${tar} base:1`);
  await serve(machine, lab);
  await machine.require(`${strata} tag base:1 127.0.0.1:5000/app:1 && ${strata} push --quiet 127.0.0.1:5000/app:1`);
}

/** A registry in the machine itself, on its disk. */
async function serve(machine: Machine, { strata }: MachineLab): Promise<void> {
  await machine.require(
    `${strata} registry serve --plain-http --listen 127.0.0.1:5000 --folder /disk/registry >/run/registry 2>&1 & ` +
      `for i in $(seq 100); do busybox wget -q -O /dev/null http://127.0.0.1:5000/v2/ 2>/dev/null && exit; sleep 0.2; done; cat /run/registry; exit 1`,
  );
}

/** What `fsck` may say after a power cut: layers are made from blobs, and those that had not reached the disk are made again. */
const HARMLESS =
  /^snapshot .* (had not reached the disk when the machine stopped|stands on .*, which is not there|has no record)|waits in the trash|was left by a process that died|^clean$/;

async function judge(machine: Machine, { strata }: MachineLab, round: number): Promise<void> {
  const { output } = await machine.run(`${strata} fsck`);
  for (const line of output.trim().split('\n')) assert.match(line, HARMLESS);
  await machine.require(`${strata} start --attach work-${round}`); // its own layer is on one that has to be unpacked again
  await machine.require(`${strata} fsck --repair`);
  assert.equal((await machine.require(`${strata} fsck`)).trim().split('\n').at(-1), 'clean');
  const sum = '[ "$(md5sum < /root/data)" = "$(cat /root/sum)" ]';
  await machine.require(`${strata} run --rm --network none made:${round} /bin/sh -c '${sum}'`);
  await machine.require(`${strata} run --rm --network none 127.0.0.1:5000/app:1 /bin/sh -c 'test -s /etc/passwd'`);
}
