import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { powerCut } from '../proof/power-cut.ts';
import { MachineLab } from './lab.ts';
import { type Machine, whyNoMachine } from './machine.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Of the contract suite, what an emulated machine does in bounded time; STRATA_VM_WHOLE=1 runs all of it, in some five minutes. */
const CORE =
  'the union of|told, committed|parent with children|a view shows|killed process left|machine may have lost|middle of commit';

/** What this machine's own kernel may not have: Debian's has it, in a machine of its own. */
describe('on Debian’s own kernel', { skip: whyNoMachine(), concurrency: false }, () => {
  let lab: MachineLab;
  let machine: Machine;
  before(async () => {
    lab = await MachineLab.open();
    machine = await lab.boot();
  });
  after(async () => {
    await machine?.[Symbol.asyncDispose]();
    lab?.[Symbol.dispose]();
  });

  /** Runs a driver's own test file there. `pattern` names the tests where all of them would take too long. */
  const contract = (driver: string, { pattern = '', variables = '' } = {}): Promise<string> =>
    machine.require(
      `cd ${ROOT} && export STRATA_TEST_SLOW=1 ${variables} && node --test --test-reporter=tap ${pattern && `--test-name-pattern='${pattern}'`} src/snapshot/drivers/${driver}.test.ts`,
      { timeout: 590_000 },
    );

  test('the devicemapper driver is a Snapshotter', { timeout: 600_000 }, async (t) => {
    const said = await contract('devicemapper', { pattern: process.env['STRATA_VM_WHOLE'] ? '' : CORE });
    assert.match(said, /# pass (?!0)/);
    t.diagnostic(said.match(/# pass \d+|# duration_ms .*/g)?.join(', ') ?? '');
  });

  test('the overlay driver mounts by one string of options', { timeout: 120_000 }, async () => {
    assert.match(await machine.require('uname -r'), /^[56]\./);
    assert.match(
      await contract('overlay', { pattern: 'stack of|opaque|told, committed', variables: 'TMPDIR=/disk' }),
      /# fail 0/,
    );
  });

  test('a container’s limits, pause, statistics and end work over cgroup v2', { timeout: 120_000 }, async () => {
    const { strata, tar } = lab;
    const limit = 'cat /sys/fs/cgroup/memory.max';
    await machine.require(`${strata} import ${tar} base:1`);
    const once = await machine.require(`${strata} run --rm --network none --memory 64m base:1 ${limit}`);
    assert.equal(once.trim(), `${64 * 2 ** 20}`);
    await machine.require(`${strata} run -d --network none --memory 64m --name c base:1 sleep 1000`);
    await machine.require(`${strata} pause c`);
    assert.equal((await machine.require(`${strata} inspect -f '{{.State.Status}}' c`)).trim(), 'paused');
    await machine.require(`${strata} unpause c`);
    await machine.require(`${strata} update --memory 96m --memory-swap 96m c`);
    assert.equal((await machine.require(`${strata} exec c ${limit}`)).trim(), `${96 * 2 ** 20}`);
    assert.match(await machine.require(`${strata} stats --no-stream c`), /96MiB/);
    await machine.require(`${strata} kill c && ${strata} wait c`);
    await machine.require(`${strata} rm c`);
  });
});

test('what was acknowledged outlives a power cut', { skip: whyNoMachine(), timeout: 240_000 }, async (t) => {
  const seed = Date.now() % 1e9;
  t.diagnostic(`seed ${seed}`);
  await powerCut.run({ count: 1, seed, log: (line) => t.diagnostic(line) });
});
